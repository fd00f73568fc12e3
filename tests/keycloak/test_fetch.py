"""How Keycloak's programs come into the cache, with stand-ins for Maven and Java; needs neither network nor Keycloak."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.keycloak import fetch
from deploy.keycloak.java import KeycloakMissing

_JAVA = """#!/bin/sh
if [ "$1" = -version ]; then echo 'openjdk version "{version}" 2025-04-15' >&2; exit 0; fi
for word; do case "$word" in -Dkc.home.dir=*) touch "${{word#-Dkc.home.dir=}}/built";; esac; done
echo build >> "{log}"
"""
_MAVEN = """#!/bin/sh
for word; do case "$word" in -DoutputDirectory=*) cp "{archive}" "${{word#-DoutputDirectory=}}/";; esac; done
echo fetch >> "{log}"
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has both programs and an empty cache; its folder holds ``programs``, ``cache`` and ``log``."""
    archive = tmp_path / "keycloak-quarkus-dist.zip"
    with zipfile.ZipFile(archive, "w") as content:
        script = zipfile.ZipInfo(f"keycloak-{fetch.VERSION}/bin/kc.sh")
        script.external_attr = 0o755 << 16
        content.writestr(script, "#!/bin/sh\n")
    put(tmp_path, "java", _JAVA.format(version="17.0.15", log=tmp_path / "log"))
    put(tmp_path, "mvn", _MAVEN.format(archive=archive, log=tmp_path / "log"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.defpath}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(fetch, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    return tmp_path


def put(machine: Path, name: str, script: str) -> None:
    program = machine / "programs" / name
    program.parent.mkdir(exist_ok=True)
    program.write_text(script)
    program.chmod(0o755)


def done(machine: Path) -> list[str]:
    log = machine / "log"
    return log.read_text().split() if log.exists() else []


def cached(machine: Path) -> list[str]:
    return sorted(path.name for path in (machine / "cache" / "bangfu").iterdir() if path.is_dir())


def test_fetched_and_built_once(machine: Path) -> None:
    first = fetch.ensure_keycloak()
    assert first == machine / "cache" / "bangfu" / f"keycloak-{fetch.VERSION}"
    assert (first / "built").exists()
    assert os.access(first / "bin" / "kc.sh", os.X_OK)
    assert fetch.ensure_keycloak() == first
    assert done(machine) == ["fetch", "build"]
    assert cached(machine) == [first.name]


def test_many_at_once_fetch_once(machine: Path) -> None:
    script = f"from deploy.keycloak import fetch; fetch.SHA256 = {fetch.SHA256!r}; fetch.ensure_keycloak()"
    asking = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait(60) for process in asking] == [0] * 4
    assert done(machine) == ["fetch", "build"]


def test_what_a_killed_attempt_left_is_cleared(machine: Path) -> None:
    left = machine / "cache" / "bangfu" / f"keycloak-{fetch.VERSION}.new-killed"
    left.mkdir(parents=True)
    (left / "half.zip").write_bytes(b"half")
    fetch.ensure_keycloak()
    assert cached(machine) == [f"keycloak-{fetch.VERSION}"]


def refused() -> KeycloakMissing:
    with pytest.raises(KeycloakMissing) as caught:
        fetch.ensure_keycloak()
    assert caught.value.mend_zh
    assert caught.value.mend_en
    return caught.value


def test_without_maven(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "programs" / "mvn").unlink()
    monkeypatch.setenv("PATH", str(machine / "programs"))
    assert "Maven" in refused().en
    assert cached(machine) == []


def test_without_java(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "programs" / "java").unlink()
    monkeypatch.setenv("PATH", str(machine / "programs"))
    assert "no Java" in refused().en


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392"])
def test_with_an_old_java(machine: Path, version: str) -> None:
    put(machine, "java", _JAVA.format(version=version, log=machine / "log"))
    assert "too old" in refused().en
    assert done(machine) == []


def test_java_home_comes_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine, "java", "#!/bin/sh\nexit 1\n")
    elsewhere = machine / "jdk"
    elsewhere.mkdir()
    monkeypatch.setenv("JAVA_HOME", str(elsewhere))
    assert "too old" in refused().en
    put(elsewhere, "java", _JAVA.format(version="21", log=machine / "log"))
    (elsewhere / "programs").rename(elsewhere / "bin")
    assert fetch.ensure_keycloak().is_dir()


def test_another_file_than_expected_is_not_run(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "SHA256", "0" * 64)
    assert "not the Keycloak" in refused().en
    assert done(machine) == ["fetch"]
    assert cached(machine) == []


def test_without_network(machine: Path) -> None:
    put(machine, "mvn", "#!/bin/sh\necho 'Could not transfer artifact: Connection refused'\nexit 1\n")
    assert "cannot be reached" in refused().en
    assert cached(machine) == []


def test_any_other_failure_shows_what_was_said(machine: Path) -> None:
    put(machine, "mvn", "#!/bin/sh\necho 'the settings are malformed'\nexit 1\n")
    assert "the settings are malformed" in refused().en
