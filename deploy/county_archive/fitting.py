"""Whether an archive fits this installation: its tables and plugins before anything is written, its rows before they count."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Final

from psycopg import sql

from core.errors import InvalidInput
from core.host.manager import host
from deploy.county_archive.errors import ArchiveBroken, DoesNotFit
from deploy.county_archive.readiness import RUNNING
from deploy.county_archive.reference import Rows, reference_shape
from deploy.county_archive.tables import Driver, Table, tables_here

_PINNED: Final = "select workflow, workflow_version from case_record where tenant = %s group by 1, 2"


def fitting_tables(
    driver: Driver, manifest: Mapping[str, Any], code: str, leave_aside: Set[str]
) -> tuple[dict[str, Table], dict[str, int]]:
    """The tables that rows are written to, and the rows left aside by table; raises ``InvalidInput`` for a name that is no
    such plugin, ``DoesNotFit`` for all that is another here."""
    here = {table.full: table for table in tables_here(driver)}
    said = {table["table"]: table for table in manifest["tables"]}
    plugins = manifest["plugins"]
    _refuse_unknown(plugins, leave_aside)
    _refuse_missing(plugins, leave_aside)
    gone = {name: one["rows"] for name, one in said.items() if name.split(".")[0] in leave_aside and name not in here}
    # a plugin that the county never used need not be here
    unused = {name for name, one in said.items() if name not in here and not one["rows"]}
    wanted = said.keys() - gone.keys() - unused
    differs = [name for name in wanted if name not in here or here[name].described() != _described(said[name])]
    differs += [name for name, table in here.items() if table.plugin is None and name not in said]
    shape = reference_shape(driver)
    differs += sorted(name for name, columns in shape.items() if manifest["reference"].get(name) != columns)
    differs += [
        f"{name} {one['version']} ≠ {host().infos[name].version}"
        for name, one in plugins.items()
        if name in host().infos and one["version"] not in (None, host().infos[name].version)
    ]
    if differs:
        raise DoesNotFit(
            f"两边的表结构或插件版本不同：{'、'.join(sorted(differs)[:10])}",
            f"tables or versions of plugins differ between the two installations: {', '.join(sorted(differs)[:10])}",
            where=f"{manifest['platform']} {manifest['schema']}",
            mend_zh="请把两边的平台和插件升级到同一版本后重新导出",
            mend_en="bring platform and plugins of both to the same version and export again",
        )
    filled = [name for name in sorted(here) if _filled(driver, here[name], code)]
    if filled:
        raise DoesNotFit(
            f"本安装中该单位已有数据：{'、'.join(filled[:10])}",
            f"the county has rows here already: {', '.join(filled[:10])}",
            where=code,
            mend_zh="档案包只能导入到尚未开通的单位，两份数据不能合并",
            mend_en="an archive is taken in where the county was never opened: two sets of rows are not merged",
        )
    return {name: here[name] for name in wanted}, gone


def _refuse_unknown(plugins: Mapping[str, Any], leave_aside: Set[str]) -> None:
    """Only a plugin that the county uses, that is not installed here and that none of its cases belongs to is left aside."""
    for name in sorted(leave_aside):
        if name not in plugins or name in host().infos:
            raise InvalidInput(
                f"{name} 不是档案包中本安装所缺的插件，不能留下",
                f"{name} is no plugin of the archive that is missing here",
                where="--leave-aside",
                mend_zh="请核对插件名（bangfu county inspect）",
                mend_en="look the name up (bangfu county inspect)",
            )
        if plugins[name]["cases"]:
            raise DoesNotFit(
                f"{name} 有 {plugins[name]['cases']} 件个案，不能留下",
                f"{name} has {plugins[name]['cases']} cases and cannot be left aside",
                where="--leave-aside",
                mend_zh="请先安装该插件并更新数据库结构（bangfu migrate）",
                mend_en="install it and run bangfu migrate",
            )


def _refuse_missing(plugins: Mapping[str, Any], leave_aside: Set[str]) -> None:
    missing = sorted(plugins.keys() - host().infos.keys() - leave_aside)
    if missing:
        rows = ", ".join(f"{name}（{plugins[name]['rows']} 行，{plugins[name]['cases']} 件）" for name in missing)
        raise DoesNotFit(
            f"本安装没有该单位使用的插件：{'、'.join(missing)}",
            f"plugins that the county uses are not installed here: {', '.join(missing)}",
            where=rows,
            mend_zh="请先安装并更新数据库结构（bangfu migrate）；没有个案、确认不带走其数据的，加 --leave-aside 插件名",
            mend_en="install them and run bangfu migrate; one without cases can be left in the file: --leave-aside NAME",
        )


def refuse_unfit_rows(driver: Driver, reference: Mapping[str, Rows], code: str) -> None:
    """Of the county's rows as they were written: no job of the old installation goes on here (``DoesNotFit``), and no workflow
    comes in but those that its cases are pinned to and that a plugin here declares (``ArchiveBroken``)."""
    row = driver.execute(RUNNING, [code]).fetchone()
    if row and row[0]:
        raise DoesNotFit(
            f"档案包中有 {row[0]} 项后台任务尚未结束",
            f"{row[0]} jobs in the archive are not over",
            where=code,
            mend_zh="请在导出方等其完成或取消后重新导出",
            mend_en="have them finished or cancelled at the exporting installation and export again",
        )
    pinned = {(name, version) for name, version in driver.execute(_PINNED, [code])}
    for flow in reference["workflow_version"]:
        if (flow["name"], flow["version"]) not in pinned or flow["plugin"] not in host().infos:
            raise ArchiveBroken(
                "档案包中有该单位个案没有用到的流程",
                "the archive brings a workflow that none of the county's cases is pinned to",
                where=f"{flow['name']} {flow['version']}",
            )


def _filled(driver: Driver, table: Table, code: str) -> bool:
    query = sql.SQL("select 1 from {} where tenant = {} limit 1").format(table.identifier, sql.Literal(code))
    return driver.execute(query).fetchone() is not None


def _described(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in ("table", "key", "columns")}
