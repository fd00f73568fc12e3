"""The machine's Java, and the command line that Keycloak is run with.

Keycloak's own ``bin/kc.sh`` keeps a shell in front of Java, so that killing the launcher would leave the server running.
Here Java is the child itself; the options are the script's, but for a smaller heap and a start that compiles less.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from core.errors import BangfuError

LEAST_JAVA = 17
HEAP = "384m"
_OPENED = ("java.util", "java.util.concurrent", "java.security", "java.lang")


class KeycloakMissing(BangfuError):
    """Keycloak (统一身份认证) cannot be had on this machine: a program is missing, or it could not be fetched."""

    code = "keycloak_missing"
    status = 503


def java() -> str:
    """Path of the machine's Java (``JAVA_HOME`` first, then ``PATH``); raises `KeycloakMissing` below version 17."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home, "bin"))) if home else None
    program = found or shutil.which("java")
    if program is None:
        raise _no_java("本机没有 Java", "there is no Java on this machine", None)
    told = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own argument list
    version = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    if version is None or int(version[1]) < LEAST_JAVA:
        seen = version[1] if version else "?"
        raise _no_java(f"Java 版本过低（{seen}）", f"Java {seen} is too old", program)
    return program


def _no_java(zh: str, en: str, where: str | None) -> KeycloakMissing:
    return KeycloakMissing(
        zh,
        en,
        where=where,
        mend_zh=f"请安装 Java {LEAST_JAVA} 或更高版本，Debian/Ubuntu 为 apt install openjdk-17-jre-headless",
        mend_en=f"install Java {LEAST_JAVA} or newer; on Debian or Ubuntu: apt install openjdk-17-jre-headless",
    )


def keycloak_command(program: str, home: Path, *arguments: str) -> list[str]:
    """Argument list that runs Keycloak's command ``arguments`` with ``home`` as its folder (``kc.home.dir``)."""
    # What the script says after its first run: the build is there, Keycloak need not ask to be started again.
    built = [] if "build" in arguments else ["-Dkc.config.built=true"]
    return [
        program,
        "-Xms64m",
        f"-Xmx{HEAP}",
        "-XX:MetaspaceSize=96M",
        "-XX:MaxMetaspaceSize=256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        "-Duser.language=en",
        "-Duser.country=US",
        *[f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED],
        "--enable-native-access=ALL-UNNAMED",
        "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
        "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Dpicocli.disable.closures=true",
        "-Dquarkus-log-max-startup-records=10000",
        *built,
        f"-Dkc.home.dir={home}",
        f"-Djboss.server.config.dir={home / 'conf'}",
        "-cp",
        str(home / "lib" / "quarkus-run.jar"),
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        *arguments,
    ]
