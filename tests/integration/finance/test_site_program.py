"""The server that the demo starts: `python -m devtools.netfile_site`."""

import sys
import urllib.request
from pathlib import Path

from devtools.netfile_site import MUNICIPALITIES, NetFileSite, year_file
from devtools.processes import Programs, wait_for

ROOT = Path(__file__).parents[3]


def test_it_tells_its_port_and_serves_the_files(programs: Programs, tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    programs.run(sys.executable, "-m", "devtools.netfile_site", "--port-file", port_file, cwd=ROOT)
    wait_for(port_file.exists, "the server's port")
    place = MUNICIPALITIES[2]
    url = f"http://127.0.0.1:{port_file.read_text()}{NetFileSite.path(place.shortcut, 2024)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == year_file(place, 2024), "another process makes other bytes"
