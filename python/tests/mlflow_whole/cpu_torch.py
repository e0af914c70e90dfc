"""Installs PyTorch for the CPU, and Lightning, into the environment that runs this: ``python cpu_torch.py``.

On Linux with x86-64, PyPI has PyTorch with CUDA only: half a gigabyte, and gigabytes of NVIDIA's libraries that it is
linked with. On the CPU none of them is ever called, but the loader wants them to be there. So the wheel is installed
alone, and for each library that is missing an empty one is made that has the names which PyTorch is linked with; each
function in it answers "no device" (100). Nothing is done where PyTorch can be imported already.

Lightning, which MLflow's autologging of PyTorch needs, asks for PyTorch with all of that; it too is installed alone, and
what else it needs beside it.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

VERSION = "2.15.0"
LIGHTNING = ["pytorch-lightning==2.6.6", "torchmetrics==1.9.0", "lightning-utilities==0.15.3", "tqdm==4.70.1"]
NO_DEVICE = 100


def works() -> bool:
    return subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode == 0


def install(*packages: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if importlib.util.find_spec("pip") is None:
        pip = ["uv", "pip", "install", "--quiet", "--python", sys.executable]
    subprocess.run([*pip, "--no-deps", *packages], check=True)


def output(*command: object) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def missing_libraries(folder: Path, files: list[Path]) -> set[str]:
    needed = {name for file in files for name in re.findall(r"NEEDED.*\[(.+)\]", output("readelf", "-d", file))}
    known = {path.name for path in folder.iterdir()} | set(re.findall(r"^\s+(\S+) \(", output("ldconfig", "-p"), re.MULTILINE))
    return {name for name in needed - known if not name.startswith("ld-linux")}


def wanted_names(files: list[Path]) -> tuple[dict[str, set[str]], set[str], dict[str, str]]:
    """Names by their version, names without a version that nobody defines, and the library of each version."""
    versioned: dict[str, set[str]] = defaultdict(set)
    plain: set[str] = set()
    defined: set[str] = set()
    homes: dict[str, str] = {}
    for file in files:
        for line in output("nm", "-D", file).splitlines():
            kind, name = line.split()[-2:]
            name, _, version = name.partition("@")
            if kind not in "Uw":
                defined.add(name)
            elif version:
                versioned[version.lstrip("@")].add(name)
            else:
                plain.add(name)
        library = ""
        for line in output("readelf", "-V", file).splitlines():
            if found := re.search(r"File: (\S+)", line):
                library = found[1]
            elif found := re.search(r"Name: (\S+)", line):
                homes[found[1]] = library
    return versioned, plain - defined, homes


def stand_in(path: Path, versions: dict[str, set[str]]) -> None:
    """A library with these names; those under the empty version have none."""
    names = sorted({name for group in versions.values() for name in group})
    code = "".join(f"long {name}(void) {{ return {NO_DEVICE}; }}\n" for name in names)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["cc", "-shared", "-fPIC", "-w", "-o", str(path), f"-Wl,-soname,{path.name}"]
        map_of = "".join(f"{version} {{ {' '.join(f'{name};' for name in sorted(group))} }};\n" for version, group in versions.items() if version)
        if map_of:
            script = Path(folder) / "versions"
            script.write_text(map_of)
            arguments.append(f"-Wl,--version-script={script}")
        subprocess.run([*arguments, "-x", "c", "-"], input=code, text=True, check=True)


def make_stand_ins() -> None:
    spec = importlib.util.find_spec("torch")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    folder = package / "lib"
    made = folder / "stand-ins"
    for name in made.read_text().split() if made.exists() else []:
        (folder / name).unlink(missing_ok=True)
    files = sorted(folder.glob("*.so*")) + sorted(package.glob("_C*.so"))
    missing = missing_libraries(folder, files)
    made.write_text("\n".join(sorted(missing)))
    versioned, plain, homes = wanted_names(files)
    by_library: dict[str, dict[str, set[str]]] = {library: {} for library in missing}
    for version, names in versioned.items():
        if homes.get(version) in missing:
            by_library[homes[version]][version] = names
    # Names without a version may come from anywhere: each library that has no other names takes them all.
    loose = {name for name in plain if re.match(r"(cu[A-Z]|cu[a-z]+[A-Z_]|nv|nccl)", name)}
    for library, versions in by_library.items():
        stand_in(folder / library, versions or {"": loose})


def main() -> None:
    if not works():
        make_torch_work()
    if importlib.util.find_spec("pytorch_lightning") is None:
        install(*LIGHTNING)


def make_torch_work() -> None:
    if importlib.util.find_spec("torch") is None:
        install(f"torch=={VERSION}")
    if not works():
        for tool in ("cc", "nm", "readelf", "ldconfig"):
            if shutil.which(tool) is None:
                raise SystemExit(f"`{tool}` is not installed, with which stand-ins for NVIDIA's libraries are made")
        make_stand_ins()
    subprocess.run([sys.executable, "-c", "import torch; torch.ones(2).sum()"], check=True)


if __name__ == "__main__":
    main()
