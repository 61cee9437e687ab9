"""Batches and waits: one dispatcher a process makes full requests of what concurrent operations ask for.

`core` decides (pure: state and event in, effects out, time as an argument); `shell` hands the effects to threads,
and `perform` makes the calls. `events` are the words that they share.

The core is made of `posts` (sending requests), `jobs` (waiting for them) and `state` (what all know, and how a phone
moves from phase to phase). The state is made of `operations` (what was asked for), `task` (one phone on its way),
`batches` (gathering), `polling` (which jobs to ask about), `watching` (which phones to look at) and `timers`.
`policy` holds the figures, `answers` the tables of what the service's words mean.
"""
