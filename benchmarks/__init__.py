"""How fast pytls is, side by side with the running `ssl` and with pyOpenSSL.

``python -m benchmarks`` runs every workload; ``--help`` tells the rest. `docs/performance.md` tells
how it measures and what it has shown.
"""
