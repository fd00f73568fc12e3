"""From a bare clone to an installation that can start: ``.venv``, locked packages, front-end assets, perhaps Chromium.

Run by make under any Python of the machine (standard library only); an older one than 3.11 looks for a newer one.
What is done is remembered in stamps that hold a digest of its inputs, so that a second run does nothing, and needs no
network. Addresses of package indexes come from the machine's own configuration of pip, uv and npm, never from here.
"""

import argparse
import ast
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

if sys.hexversion < 0x030B0000:
    for newer in ("python3.14", "python3.13", "python3.12", "python3.11"):
        # Asked, not only found: a version manager's stand-in may lead nowhere.
        if shutil.which(newer) and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:  # noqa: S603 - our own argument list
            os.execvp(newer, [newer, *sys.argv])  # noqa: S606 - our own argument list
    sys.exit(
        f"Python 版本过低({sys.version.split()[0]}),需要 3.11 或更高版本。安装后可用 make run PYTHON=python3.11 指定\n"
        f"Python {sys.version.split()[0]} is too old, 3.11 or newer is needed; then name it: make run PYTHON=python3.11"
    )

ROOT = Path(__file__).resolve().parent.parent
NEEDED_BYTES = 1500 * 1024 * 1024
PROJECT_FILES = ("pyproject.toml", "README.md", "LICENSE")

_SPACE = (
    r"no space left|ENOSPC|disk quota",
    ("磁盘空间不足", "the disk is full"),
    (f"请腾出至少 {NEEDED_BYTES // 1024**2} MB 后重试", f"free at least {NEEDED_BYTES // 1024**2} MB and try again"),
)
_CAUSES = (
    _SPACE,
    (
        r"ensurepip|No module named '?venv",
        ("缺少 venv 或 ensurepip 模块", "the module venv or ensurepip is missing"),
        ("请安装:Debian/Ubuntu 为 apt install python3-venv", "on Debian or Ubuntu: apt install python3-venv"),
    ),
    (
        r"no usable wheels|no wheels with a matching|building .* is disabled",
        ("某个组件没有适用于本机的安装包", "a package has no ready-made build for this machine"),
        ("请改用 64 位 Linux 或 macOS 上的 Python 3.11 至 3.13", "use Python 3.11 to 3.13 on 64-bit Linux or macOS"),
    ),
    (
        r"failed to establish|name resolution|could not resolve|error sending request|is unreachable|timed out|"
        r"connection (refused|reset)|ENOTFOUND|EAI_AGAIN|ECONN|ENETUNR|ETIMEDOUT|failed to fetch|No matching distr",
        ("无法连接软件源", "the package index cannot be reached"),
        ("首次安装需要网络,请检查网络、代理及软件源设置", "the first start needs a network: check it, proxy and index"),
    ),
)
_PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}


class Trouble(Exception):
    """Something a person has to mend: what failed and how to mend it, in Chinese and in English."""

    def __init__(self, zh: str, en: str, mend_zh: str, mend_en: str, said: str = "") -> None:
        super().__init__(zh, en)
        self.text = f"{zh}。{mend_zh}\n{en}. {mend_en}"
        self.said = said


def tell(zh: str, en: str) -> None:
    """One line of progress on standard error."""
    print(f"[帮扶] {zh} / {en}", file=sys.stderr, flush=True)


def digest(*parts: Path | str) -> str:
    """Digest of files (by content) and texts."""
    total = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else part.encode()
        total.update(f"{len(content)}:".encode() + content)
    return total.hexdigest()


class Stamp:
    """A file that remembers of which inputs a step's result was made."""

    def __init__(self, path: Path, inputs: str) -> None:
        self._path = path
        self._inputs = inputs

    def holds(self) -> bool:
        """Whether the step's result is there and made of the same inputs."""
        return self._path.exists() and self._path.read_text(encoding="ascii") == self._inputs

    def set(self) -> None:
        """Remember that the step is done; called last, so that a killed step is done again."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(self._inputs, encoding="ascii")
        fresh.replace(self._path)


def explained(said: str, zh: str, en: str) -> Trouble:
    """The trouble that a failed program's own words point to."""
    for pattern, why, mend in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return Trouble(f"{zh}:{why[0]}", f"{en}: {why[1]}", *mend, said)
    return Trouble(zh, en, "请按下方输出处理后重试", "see the output below, then try again", said)


def run(command: list[str], zh: str, en: str, *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; raise `Trouble` when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own argument list, no shell
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise explained(str(error), zh, en) from error
    if done.returncode != 0:
        raise explained(done.stdout, zh, en)
    return done.stdout


class Environment:
    """The project's virtual environment, ``.venv``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self._uv = self.folder / "bin" / "uv"

    def stamp(self, name: str, inputs: str) -> Stamp:
        """The stamp of a step whose result lies in the environment."""
        return Stamp(self.folder / "stamps" / name, inputs)

    def ensure(self) -> None:
        """Make the environment, unless a working one of this very folder is there (a moved one does not work)."""
        stamp = self.stamp("folder", digest(str(self.folder)))
        if self.python.exists() and (stamp.holds() or self._adoptable()):
            stamp.set()
            return
        require_space(self.root)
        tell("正在创建 Python 环境", "making the Python environment")
        if self.folder.is_symlink():  # cleared, it would take another clone's environment along
            self.folder.unlink()
        make = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        said = ("无法创建 Python 环境", "the Python environment could not be made")
        try:
            run(make, *said)
        except Trouble:
            if not (shutil.which("uv") or self._machine_has_pip()):
                raise
            # Debian keeps ensurepip apart; pip or uv of the machine can fill an environment without one.
            run([*make, "--without-pip"], *said)
        stamp.set()

    def _adoptable(self) -> bool:
        if (self.folder / "stamps" / "folder").exists():
            return False
        probe = "import sys; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)"
        return subprocess.run([str(self.python), "-c", probe], check=False).returncode == 0  # noqa: S603 - our own argument list

    @staticmethod
    @lru_cache(maxsize=1)
    def _machine_has_pip() -> bool:
        command = [sys.executable, "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own argument list

    def _pip(self) -> list[str]:
        if any(self.folder.glob("lib/python3*/site-packages/pip")):
            return [str(self.python), "-m", "pip"]
        return [sys.executable, "-m", "pip", "--python", str(self.python)] if self._machine_has_pip() else []

    def install(self, lock: str, zh: str, en: str) -> None:
        """Install ``requirements/LOCK.txt``, every file checked against its hash, nothing compiled."""
        file = self.root / "requirements" / f"{lock}.txt"
        stamp = self.stamp(f"requirements-{lock}", digest(file))
        if stamp.holds():
            return
        tell(zh, en)
        self._ensure_uv()
        self._uv_install(["--no-build", "--require-hashes", "-r", str(file)], "安装依赖失败", "installing failed")
        stamp.set()

    def install_project(self) -> None:
        """Install the project itself as a link to this folder, which gives ``.venv/bin/bangfu``."""
        inputs = [self.root / name for name in PROJECT_FILES if (self.root / name).exists()]
        stamp = self.stamp("project", digest(*inputs, str(self.root)))
        if stamp.holds():
            return
        self._ensure_uv()
        link = ["--no-deps", "--no-build-isolation", "-e", str(self.root)]
        self._uv_install(link, "安装本项目失败", "installing the project failed")
        stamp.set()

    def _ensure_uv(self) -> None:
        file = self.root / "requirements" / "bootstrap.txt"
        stamp = self.stamp("bootstrap", digest(file))
        if stamp.holds() and self._uv.exists():
            return
        require_space(self.root)
        command = self._pip() or [shutil.which("uv") or "", "pip"]
        if not command[0]:
            mend = "apt install python3-venv python3-pip"
            raise Trouble("缺少 pip", "pip is missing", f"Debian/Ubuntu:{mend}", f"on Debian or Ubuntu: {mend}")
        target = ["-p", str(self.python)] if command[0] not in (str(self.python), sys.executable) else []
        locked = ["install", "-q", "--require-hashes", "--only-binary=:all:", "-r", str(file)]
        run([*command, *locked, *target], "安装 uv 失败", "installing uv failed")
        stamp.set()

    def _uv_install(self, arguments: list[str], zh: str, en: str) -> None:
        command = [str(self._uv), "pip", "install", "-q", "-p", str(self.python), *arguments]
        run(command, zh, en, env=uv_environment(_pip_settings(*self._pip()), dict(os.environ)))


@lru_cache(maxsize=1)
def _pip_settings(*pip: str) -> str:
    return run([*pip, "config", "list"], "读取 pip 设置失败", "pip's settings could not be read") if pip else ""


def uv_environment(pip_settings: str, environment: dict[str, str]) -> dict[str, str]:
    """uv does not read pip's configuration: translate ``pip config list`` into uv's variables.

    pip's order of precedence holds: files, then ``[install]``, then PIP_* variables. A machine that configures uv
    itself (variables or uv.toml) is left to that.
    """
    folder = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = (Path(environment.get("UV_CONFIG_FILE") or folder / "uv" / "uv.toml"), Path("/etc/uv/uv.toml"))
    if any(file.exists() for file in files) or environment.keys() & {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"}:
        return {"UV_PYTHON_DOWNLOADS": "never"}
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in pip_settings.splitlines():
        match = re.fullmatch(r"(global|install|:env:)\.([\w-]+)=(.+)", line.strip())
        if match and match[2] in _PIP_TO_UV and ranks[match[1]] >= found.get(match[2], (-1, ""))[0]:
            found[match[2]] = (ranks[match[1]], " ".join(str(ast.literal_eval(match[3])).split()))
    result = {"UV_PYTHON_DOWNLOADS": "never"}
    for name, (_, value) in found.items():
        if _PIP_TO_UV[name] not in environment:
            seconds = str(round(float(value))) if name.endswith("timeout") else ""
            result[_PIP_TO_UV[name]] = seconds or (value.replace(" ", ",") if name == "find-links" else value)
    if "UV_INDEX" in result:
        # Hashes pin every file, so it does not matter which index offers it.
        result["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return result


def require_space(folder: Path) -> None:
    """Raise `Trouble` where an installation would not fit."""
    if shutil.disk_usage(folder).free < NEEDED_BYTES:
        raise Trouble(*_SPACE[1], *_SPACE[2])


class Assets:
    """Style sheets, scripts and icons in ``core/web/static/vendor``, built from the locked package.json."""

    def __init__(self, root: Path, environment: Environment) -> None:
        self._folder = root / "core" / "web" / "assets"
        self._static = root / "core" / "web" / "static"
        self._root = root
        self._environment = environment

    def ensure(self) -> None:
        """Install the locked npm packages and build, each only when its inputs have changed."""
        if not (self._folder / "package.json").exists():
            return
        packages = [path for path in self._files() if path.name in ("package.json", "package-lock.json", ".npmrc")]
        installed = Stamp(self._folder / "node_modules" / ".bangfu-stamp", digest(*packages))
        built = Stamp(self._static / "vendor" / ".bangfu-stamp", digest(*packages, *self._sources()))
        if built.holds():
            return
        tell("正在构建页面资源", "building the front-end assets")
        npm, env = self._npm()
        if not installed.holds():
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            run(command, "安装前端组件失败", "installing front-end packages failed", cwd=self._folder, env=env)
            installed.set()
        run([npm, "run", "build"], "构建页面资源失败", "building the front-end assets failed", cwd=self._folder, env=env)
        built.set()

    def _files(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.is_file())

    def _sources(self) -> list[Path | str]:
        """All that the build reads, by content and by name: its own folder, page templates (whose classes decide
        what is kept of the style sheet), our own scripts."""
        files = self._files()
        for part in ("core", "plugins", "tenants", "worker"):
            for folder, below, names in os.walk(self._root / part):
                below[:] = [name for name in below if name not in ("node_modules", "vendor", "__pycache__")]
                files += [Path(folder, name) for name in names if name.endswith((".html", ".js"))]
        found: list[Path | str] = []
        for path in sorted(set(files)):
            found += [str(path.relative_to(self._root)), path]
        return found

    def _npm(self) -> tuple[str, dict[str, str]]:
        """npm of the machine where its Node.js is new enough, else of the locked wheel; with the PATH it needs."""
        wanted = json.loads((self._folder / "package.json").read_text(encoding="utf-8")).get("engines", {})
        least = int((re.findall(r"\d+", wanted.get("node", "")) or ["18"])[0])
        npm, node = shutil.which("npm"), shutil.which("node")
        if npm and node:
            version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - our own argument list
            found = re.match(r"v(\d+)", version.stdout)
            if found and int(found[1]) >= least:
                return npm, {}
        self._environment.install("node", "本机没有可用的 npm,正在安装", "no usable npm on this machine, installing it")
        programs = self._environment.folder / "bin"
        if not (programs / "npm").exists():
            mend = (f"请安装 Node.js {least} 或更高版本", f"install Node.js {least} or newer")
            raise Trouble("缺少 npm", "npm is missing", *mend)
        return str(programs / "npm"), {"PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def ensure_browser() -> None:
    """Chromium and a Chinese font for the browser tests: by apt where we may, else say that those tests are skipped."""
    missing = [] if shutil.which("chromium") else ["chromium"]
    fonts = shutil.which("fc-list")
    if fonts is None or not run([fonts, ":lang=zh", "family"], "读取字体失败", "fonts could not be listed").strip():
        missing += ["fontconfig", "fonts-noto-cjk"]
    if not missing:
        return
    names = " ".join(missing)
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        tell(f"正在安装 {names}", f"installing {names}")
        options = ["-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"]
        try:
            for step in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
                run([apt, *options, *step], "安装失败", "failed", env={"DEBIAN_FRONTEND": "noninteractive"})
            return
        except Trouble as trouble:
            print(trouble.said[-2000:], file=sys.stderr)
    tell(
        f"缺少 {names},浏览器测试将被跳过;可执行 apt install {names}",
        f"without {names} browser tests are skipped; to have them: apt install {names}",
    )


def prepare(root: Path, *, dev: bool, browser: bool) -> None:
    """All steps in order. One at a time per folder: a second make waits for the first."""
    lock = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = Environment(root)
        environment.ensure()
        # The development lock holds all of the main one.
        everything = environment.stamp("requirements-dev", digest(root / "requirements" / "dev.txt"))
        if dev or not everything.holds():
            environment.install("dev" if dev else "main", "正在安装依赖", "installing locked packages")
        environment.install_project()
        Assets(root, environment).ensure()
    finally:
        os.close(lock)
    if browser:
        ensure_browser()


def main() -> int:
    """Exit code 0 when everything is in place; otherwise says what failed and how to mend it."""
    options = argparse.ArgumentParser(description="准备运行环境 / prepare the installation")
    options.add_argument("--dev", action="store_true", help="含测试与检查工具 / with tools for tests and checks")
    options.add_argument("--browser", action="store_true", help="安装测试用浏览器 / a browser for the tests")
    chosen = options.parse_args()
    try:
        prepare(ROOT, dev=chosen.dev, browser=chosen.browser)
    except Trouble as trouble:
        print(f"\n{trouble.text}\n\n{trouble.said.strip()[-3000:]}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{explained(str(error), '准备运行环境失败', 'preparing failed').text}\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
