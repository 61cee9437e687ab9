"""The weather test: generated failures, delays and interruptions around the real client and dispatcher.

What is where:

- `scenario` what a run consists of, as values; `generated` makes them by chance;
- `passing` one clock that serves everybody, and what is due when;
- `wire` carries a client's requests to the simulated cloud, as badly as the weather wants;
- `process` one provider process: client, observer, core, without threads;
- `up` what a `pulumi up` does around it, and what it saves;
- `witness` sees everything, and says what must never be seen;
- `run` a whole run: the weather, then fair days until nothing is left to do.
"""
