"""A docker daemon that the harness starts itself, on machines that cannot pull images.

The daemon does not change the machine's network: no docker0, no firewall rules, no forwarding. The daemon's only
network is the bridge of the cluster: pods reach each other and this machine, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from cluster.shell import FILES, Missing, install_packages, root, say, state, succeeds, wait_until
from cluster.stages import stage

CGROUP = "flowc-cluster"  # below this cgroup are the cgroups of all containers, in each cgroup hierarchy
PACKAGES = {"dockerd": "docker.io", "docker": "docker.io", "containerd": "containerd", "runc": "runc", "jq": "jq"}
PACKAGES |= {"debootstrap": "debootstrap", "ip": "iproute2", "iptables": "iptables"}
CAPABILITIES = (  # capabilities of Linux: the index of each is its bit number
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL"),
    *("SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST"),
    *("NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO"),
    *("SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE"),
    *("AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM"),
    *("BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)


def run_directory() -> Path:
    """Return the directory of sockets and pid files; it is below /run, because the path of a socket must be short."""
    return Path("/run") / f"flowc-cluster-{hashlib.sha256(str(root()).encode()).hexdigest()[:8]}"


def host() -> str:
    return f"unix://{run_directory()}/docker.sock"


def check() -> None:
    """Install the packages that the daemon needs, if possible. Raises Missing if the daemon cannot run on this
    machine."""
    if os.uname().sysname != "Linux":
        raise Missing(
            "without images to pull a cluster can be made on Linux only; start a container engine that can pull"
        )
    if os.geteuid() != 0:
        raise Missing("a docker daemon of its own needs root: run as root, or start a container engine that can pull")
    if not shutil.which("go"):
        raise Missing("`go` is not installed: without images to pull the cluster's programs are built from Go modules")
    install_packages(PACKAGES)


def start() -> None:
    """Start the daemon if it does not run."""
    if _pid() is not None and succeeds("docker", "version", env={"DOCKER_HOST": host()}):
        return
    with stage("docker daemon"):
        run_directory().mkdir(exist_ok=True)
        (run_directory() / "docker.pid").unlink(missing_ok=True)  # the file exists if an earlier daemon was killed
        log = (state() / "dockerd.log").open("wb")
        process = subprocess.Popen(
            [shutil.which("dockerd") or "/usr/sbin/dockerd", *_options()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Hazard: Ctrl-C must not reach the daemon; the harness itself ends the daemon
        )
        log.close()

        def ready() -> bool:
            if process.poll() is not None:
                tail = (state() / "dockerd.log").read_text().splitlines()[-5:]
                raise Missing("the docker daemon ended at once:\n" + "\n".join(tail))
            return succeeds("docker", "version", env={"DOCKER_HOST": host()})

        wait_until(ready, "the start of the docker daemon")


def _options() -> list[str]:
    options = [f"--data-root={root() / 'docker'}", f"--exec-root={run_directory() / 'exec'}"]
    options += [f"--pidfile={run_directory() / 'docker.pid'}", f"--host={host()}"]
    options += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    options += [
        f"--cgroup-parent=/{CGROUP}",
        "--storage-driver=overlay2",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        "--oom-score-adjust=0",
    ]
    if lacking := _lacking():
        script = run_directory() / "runc-cut"
        runc = shutil.which("runc") or "/usr/sbin/runc"
        script.write_text(
            (FILES / "runc-cut").read_text().replace("@LACK@", json.dumps(lacking)).replace("@RUNC@", runc)
        )
        script.chmod(0o755)
        options += [f"--add-runtime=cut={script}", "--default-runtime=cut"]
    return options


def _lacking() -> list[str]:
    """Return the capabilities that the daemon needs and this process lacks."""
    status = Path("/proc/self/status").read_text().splitlines()
    bounding = int(next(line.split()[1] for line in status if line.startswith("CapBnd")), 16)
    return [f"CAP_{name}" for bit, name in enumerate(CAPABILITIES) if not bounding >> bit & 1]


def _pid() -> int | None:
    """Return the daemon's pid from its file, if a process with this pid is our daemon; otherwise None."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((run_directory() / "docker.pid").read_text())
        if str(root() / "docker").encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def running() -> bool:
    return _pid() is not None


def crashed() -> bool:
    """Return whether a daemon ended without `stop`; its containers still run until the next daemon stops them."""
    return not running() and (run_directory() / "exec").exists()


def stop() -> None:
    """End the daemon and delete everything that it leaves: processes, mounts, cgroups, its files in /run."""
    if (pid := _pid()) is not None:
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: _pid() is None, "the end of the docker daemon")
    for left in _processes_below(run_directory()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
            say(f"ended process {left}, which the docker daemon had left behind")
    for mount in _mounts_below(run_directory(), root()):
        succeeds("umount", "--lazy", mount)
    for cgroup in (*Path("/sys/fs/cgroup").glob(CGROUP), *Path("/sys/fs/cgroup").glob(f"*/{CGROUP}")):
        with contextlib.suppress(OSError):
            cgroup.rmdir()
    shutil.rmtree(run_directory(), ignore_errors=True)


def _processes_below(directory: Path) -> list[int]:
    """Return the processes whose command line names a file in the directory; they belong to the daemon."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(process.name) != os.getpid() and f"{directory}/".encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def _mounts_below(*directories: Path) -> list[str]:
    """Deepest first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((mount for mount in mounts if any(mount.startswith(f"{d}/") for d in directories)), reverse=True)
