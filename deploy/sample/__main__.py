"""``python -m deploy.sample --counties 3 --households 300 --out DIR``: write the sample's workbooks."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from deploy.sample.generate import first_counties, generate


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate the workbooks and print one path a line."""
    parser = ArgumentParser(prog="python -m deploy.sample", description="样例数据：生成各县困难职工花名册")
    parser.add_argument("--counties", type=int, default=3, help="县数 (the first N counties)")
    parser.add_argument("--households", type=int, default=300, help="每县户数 (households a county, about)")
    parser.add_argument("--out", type=Path, required=True, help="输出目录 (directory)")
    parser.add_argument("--seed", type=int, default=20250101, help="随机种子 (seed)")
    parser.add_argument("--year", type=int, default=2025, help="年度 (civil year)")
    chosen = parser.parse_args(arguments)
    for path in generate(
        chosen.out,
        counties=first_counties(chosen.counties),
        households=chosen.households,
        seed=chosen.seed,
        year=chosen.year,
    ):
        print(path)


if __name__ == "__main__":
    main()
