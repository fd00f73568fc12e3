"""The child process that sets one document: files as JSON on standard input, the PDF on standard output.

Started by path and isolated (``python -I``); it imports typst alone and knows nothing of the program. Its memory and its
processor time are bounded, so that whatever goes wrong in setting a page ends here and not in the web's process, and what
typst caches (personal data among it) ends with it. It writes no file.
"""

import json
import resource
import sys

MEMORY_BYTES = 2 * 1024**3
"""Address space; some 60 MB are used for a form, 300 MB for two hundred with photos."""


def main() -> int:
    """Exit code 0 with a PDF, 1 with what typst said on standard error."""
    job = json.load(sys.stdin.buffer)
    seconds = int(job["seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import typst

    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=job["fonts"])
    files = {name: text.encode() for name, text in job["files"].items()}
    try:
        made = typst.compile(files, font_paths=fonts, format=job["format"], ppi=job["ppi"])  # type: ignore[call-overload]  # takes files by name too
    except typst.TypstError as error:
        sys.stderr.write(f"{error.message}\n{error.diagnostic}")
        return 1
    sys.stdout.buffer.write(made[0] if isinstance(made, list) else made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
