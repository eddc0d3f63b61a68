"""CPU time and memory of a process and all that descend from it.

Read from /proc where there is one, else from ``ps``, whose clock may be as coarse as a second.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """User and system seconds since the processes began, and resident bytes now."""

    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One process: who it is, whose child, and what it used."""

    pid: int
    parent: int
    usage: Usage


def tree_usage(pid: int) -> Usage:
    """What ``pid`` and its living descendants used, and what its waited-for children did.

    Raises ``ProcessLookupError`` when there is no such process.
    """
    rows = _proc_rows() if (PROC / "self" / "stat").exists() else _ps_rows()
    if all(row.pid != pid for row in rows):
        raise ProcessLookupError(f"no process {pid}")
    members = descendants(pid, rows)
    return Usage(
        cpu_s=sum(row.usage.cpu_s for row in members),
        rss_bytes=sum(row.usage.rss_bytes for row in members),
    )


def descendants(pid: int, rows: list[ProcessRow]) -> list[ProcessRow]:
    """The rows of ``pid`` and of everything below it."""
    found = {pid}
    while True:
        more = {row.pid for row in rows if row.parent in found} - found
        if not more:
            return [row for row in rows if row.pid in found]
        found |= more


def open_files(pid: int, path: Path) -> int | None:
    """How often ``pid`` has the file open; None where /proc does not tell."""
    try:
        entries = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None
    return sum(_target(entry) == path for entry in entries)


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        # It was closed while we looked.
        return None


def _proc_rows() -> list[ProcessRow]:
    rows = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            # It ended while we looked.
            continue
        rows.append(parse_stat(stat))
    return rows


def parse_stat(stat: str) -> ProcessRow:
    """One line of /proc/<pid>/stat; see proc(5). Its second field may hold blanks and brackets."""
    pid = int(stat.partition(" ")[0])
    fields = stat.rpartition(")")[2].split()
    ticks = sum(int(value) for value in fields[11:15])
    usage = Usage(
        cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
        rss_bytes=int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    )
    return ProcessRow(pid=pid, parent=int(fields[1]), usage=usage)


def _ps_rows() -> list[ProcessRow]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss=,time="],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return [parse_ps(line) for line in listing.stdout.splitlines() if line.strip()]


def parse_ps(line: str) -> ProcessRow:
    """One line of ``ps -o pid=,ppid=,rss=,time=``; the time is [[days-]hours:]minutes:seconds."""
    pid, parent, rss_kib, time = line.split()
    days, _, clock = time.rpartition("-")
    cpu_s = 0.0
    for part in clock.split(":"):
        cpu_s = cpu_s * 60 + float(part)
    usage = Usage(cpu_s=cpu_s + int(days or 0) * 86_400, rss_bytes=int(rss_kib) * 1024)
    return ProcessRow(pid=int(pid), parent=int(parent), usage=usage)
