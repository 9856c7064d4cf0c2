"""Installs PI Bridge on a Greengrass core, from the wheels beside this file: `python3 install.py FOLDER`.

FOLDER becomes a virtual environment. Nothing is downloaded. When the folder is made of the same wheels by the same
Python already, nothing happens: a nucleus runs this at each of its starts. Needs nothing but Python.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
STAMP = ".installed"
OLDEST = (3, 11)


def main(folder: Path) -> None:
    """Install into the folder. SystemExit with the reason, if that cannot be."""
    if sys.version_info < OLDEST:
        sys.exit(f"Python {sys.version.split()[0]} is too old: PI Bridge needs {OLDEST[0]}.{OLDEST[1]} or later")
    made_of = stamp()
    if (folder / STAMP).is_file() and (folder / STAMP).read_text(encoding="utf-8") == made_of:
        print(f"{folder} is as wanted")
        return
    install(folder)
    (folder / STAMP).write_text(made_of, encoding="utf-8")
    remove_old(folder)
    print(f"installed into {folder}")


def stamp() -> str:
    """Give what changes with the wheels and with the Python."""
    told = hashlib.sha256(f"{sys.version} {sys.executable}".encode())
    for wheel in sorted((HERE / "wheels").iterdir()):
        told.update(wheel.name.encode())
        told.update(wheel.read_bytes())
    return told.hexdigest()


def install(folder: Path) -> None:
    """Make the virtual environment anew."""
    shutil.rmtree(folder, ignore_errors=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
    if made.returncode:
        sys.exit("no virtual environment can be made here (Debian, Ubuntu: sudo apt install python3-venv)")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    offline = ["--no-index", "--find-links", str(HERE / "wheels"), "--requirement", str(HERE / "requirements.txt")]
    if subprocess.run([*pip, *offline], check=False).returncode:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        sys.exit(f"pip could not install; was the component built for Python {version}? (component/build.py --python)")


def remove_old(folder: Path) -> None:
    """Remove the environments of older versions, but for the last one: it may still be running."""
    others = [other for other in folder.parent.glob("venv-*") if other != folder and (other / STAMP).is_file()]
    for old in sorted(others, key=lambda other: (other / STAMP).stat().st_mtime)[:-1]:
        shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
