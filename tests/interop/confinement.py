"""Owns the comparison of the system calls a running gateway made with those its systemd unit allows. Must never trace anything
but the gateway that the caller started.
"""
import functools
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def missing():
    """Why it cannot be checked here, if it cannot."""
    return next((f"{tool} is not installed" for tool in ("strace", "systemd-analyze") if shutil.which(tool) is None), None)


def traced(command, summary):
    """The command, traced by a process that stands aside: the child keeps its own process id."""
    return ["strace", "-D", "-f", "-qq", "-c", "-U", "name", "-o", str(summary), *command]


@functools.cache
def group(name):
    """The calls of a group of systemd, groups in it included."""
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return frozenset().union(*(group(word) if word.startswith("@") else {word} for word in words))


def allowed():
    """What `SystemCallFilter=` of the unit leaves, line by line."""
    calls = set()
    unit = (ROOT / "deploy/systemd/stopgate.service").read_text()
    for line in unit.splitlines():
        if line.startswith("SystemCallFilter="):
            words = line.split("=", 1)[1].split()
            taken = words[0].startswith("~")
            for word in [words[0].lstrip("~"), *words[1:]]:
                calls = calls - group(word) if taken else calls | group(word)
    return calls


def denied(summary):
    """(calls made, those of them that the unit would deny)."""
    made = {line.split()[-1] for line in pathlib.Path(summary).read_text().splitlines() if line.strip()}
    # execve is strace's own start of the binary; systemd sets the filter just before its own.
    made = {name for name in made - {"syscall", "total", "execve"} if not name.startswith("-")}
    return made, made - allowed()
