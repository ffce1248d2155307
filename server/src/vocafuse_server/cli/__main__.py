"""`python -m vocafuse_server.cli`: how the supervisor starts its processes."""

from vocafuse_server.cli import main

main()
