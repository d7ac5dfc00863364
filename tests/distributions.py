"""Other packages, installed into a folder for a test."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, package: str, points: dict[str, str], **modules: str) -> None:
    """Install a distribution into a folder, as an installer leaves it: its modules and its metadata.

    Args:
        points: lines of entry points by group.
        modules: source by name.
    """
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    groups = [f"[{group}]\n{lines}\n" for group, lines in points.items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
