"""The command line: ``pulumi-cph``."""
