"""The sample's entry: one workbook of invented households per county."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from deploy.sample.divisions import County, counties
from deploy.sample.roster import build
from deploy.sample.workbook import write

_PARALLEL_FROM = 20_000


def first_counties(count: int) -> list[str]:
    """The first ``count`` county codes of the stable order; ValueError if the province has fewer."""
    codes = list(counties())
    if not 1 <= count <= len(codes):
        raise ValueError(f"counties: 1 to {len(codes)}, not {count}")
    return codes[:count]


def generate(
    directory: Path,
    *,
    counties: Sequence[str],
    households: int,
    seed: int = 20250101,
    year: int = 2025,
) -> list[Path]:
    """Write ``<county>.xlsx`` for every county code into the directory and return the paths in the same order.

    The same arguments give the same workbooks. About ``households`` households a county (a fifteenth more or less),
    two of which it shares with the counties before and after it in the sequence. LookupError for an unknown county.
    """
    directory.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(directory, counties, households, seed, year)
    if len(jobs) > 1 and households * len(jobs) >= _PARALLEL_FROM:
        with ProcessPoolExecutor() as pool:
            return list(pool.map(_one, jobs))
    return [_one(job) for job in jobs]


Job = tuple[Path, County, tuple[County, County], int, int, int]


def _jobs(directory: Path, codes: Sequence[str], households: int, seed: int, year: int) -> list[Job]:
    known = counties()
    unknown = [code for code in codes if code not in known]
    if unknown or len(set(codes)) < len(codes):
        raise LookupError(f"not a county of the sample's province, or named twice: {unknown or list(codes)}")
    ring = [known[code] for code in codes]
    return [
        (directory, county, (ring[place - 1], ring[(place + 1) % len(ring)]), households, seed, year)
        for place, county in enumerate(ring)
    ]


def _one(job: Job) -> Path:
    directory, county, ring, households, seed, year = job
    path = directory / f"{county.code}.xlsx"
    write(build(county, ring, households, seed, year), path, seed)
    return path
