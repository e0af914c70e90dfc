"""``python -m gingham sync``: brings up what was logged while the server could not be reached."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ._errors import GinghamError
from ._sync import sync
from ._transport import Transport


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Does what the command line says and answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m gingham", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    bring = commands.add_parser("sync", help="bring up what waits in the spools")
    bring.add_argument("--server", help="the server's address; GINGHAM_URL when not given")
    bring.add_argument("--token", help="the token; GINGHAM_TOKEN when not given")
    bring.add_argument("--folder", type=Path, help="the folder of spools; GINGHAM_SPOOL when not given")
    asked = parser.parse_args(arguments)
    try:
        synced = sync(Transport(asked.server, asked.token, 60.0), asked.folder)
    except GinghamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{synced.records} records of {synced.spools} spools brought up")
    for refused in synced.refused:
        print(f"  left out: {refused['subject']}: {refused['reason']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
