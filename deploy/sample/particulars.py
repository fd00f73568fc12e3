"""The columns of the form that no rule reads: contacts, dwelling, employer, causes, opinions."""

from datetime import timedelta

from deploy.sample import wording
from deploy.sample.chance import Stream
from deploy.sample.divisions import County
from deploy.sample.identity import phone_number
from deploy.sample.model import OUT_OF_WORK, Household, age_on

Cell = str | int | float
_HOUSING = (
    ("自建房", 14),
    ("商品房", 12),
    ("经济适用房", 10),
    ("承租单位公房", 12),
    ("政府廉租房", 14),
    ("租房", 18),
    ("公共租赁住房", 14),
    ("无房", 4),
    ("其他", 2),
)
_REGISTRATION = (("非农业", 48), ("居民户口（城乡统一登记）", 30), ("农业", 16), ("农转居", 6))
_NATURE = (("民营/私营/个体企业", 50), ("国有企业", 20), ("集体企业", 16), ("国有机关/事业单位", 10), ("其他", 4))
_CONDITION = (("正常", 42), ("亏损企业", 24), ("半停产", 10), ("停产", 8), ("改制企业", 8), ("关闭破产企业", 8))
_PAPERS = "困难申请书；居民身份证；户口簿；收入证明；家庭经济状况核对授权书"
_CATEGORIES = {"下（待）岗": "下岗职工", "失（无）业": "失业人员"}


def particulars(household: Household, county: County, chance: Stream) -> dict[str, Cell]:
    """Household-level cells of the worker's row by column."""
    industry = wording.firm(chance, "")[1]
    bank, branch = wording.bank(chance, county.name)
    opener, reviewer, clerk = wording.staff(chance)
    agreed = chance.happens(70)
    spouse = any(person.relation in {"丈夫", "妻子"} for person in household.people)
    child = any(person.relation in {"儿子", "女儿"} for person in household.people)
    alone = ("离异", "丧偶") if child else ("未婚", "离异", "丧偶")
    causes = _causes(household)
    return {
        "住房类型": chance.weighted(_HOUSING),
        "建筑面积": chance.randint(180, 1150) / 10,
        "手机": phone_number(chance),
        "其他联系方式": f"0000-{chance.randrange(10_000_000):07d}" if chance.happens(20) else "",
        "邮编": f"6{county.code[2:4]}{chance.randint(0, 9)}00",
        "工作时间": f"{household.worker.birth.year + chance.randint(18, 24)}-{chance.randint(1, 12):02d}-01",
        "所属行业": industry,
        "婚姻状况": "已婚" if spouse else chance.choice(alone),
        "户口类型": chance.weighted(_REGISTRATION),
        "工作单位": household.worker.unit or wording.firm(chance, county.name)[0],
        "单位性质": chance.weighted(_NATURE),
        "企业状况": chance.weighted(_CONDITION),
        "是否单亲": "是" if _single_parent(household, spouse=spouse) else "否",
        "有无自救能力": "是（有一定自救能力）" if any(person.able for person in household.people) else "否（无自救能力）",
        "是否零就业家庭": "是" if _no_one_employed(household) else "否",
        "主要致困原因": causes[0],
        "次要致困原因": "；".join(causes[1:4]),
        "开户银行": bank,
        "支行名称": branch,
        "附件": _PAPERS,
        "备注": "样例数据",
        "建档人": opener,
        "审核人": reviewer,
        "录入人": clerk,
        "单位工会意见": "情况属实，同意上报。",
        "单位工会意见日期": str(household.opened - timedelta(days=24)),
        "县总工会意见": "经入户核实，同意建档。",
        "县总工会意见日期": str(household.opened - timedelta(days=10)),
        "上级工会意见": "同意。" if agreed else "",
        "上级工会意见日期": str(household.opened - timedelta(days=2)) if agreed else "",
    }


def categories(household: Household, condition: str) -> str:
    """帮扶对象类别 of the worker, joined by ；, empty where none applies (domain 3)."""
    found = [_CATEGORIES[household.worker.standing]] if household.worker.standing in _CATEGORIES else []
    if condition == "关闭破产企业":
        found.append("破产企业职工")
    elif condition == "亏损企业":
        found.append("经营困难企业职工")
    return "；".join(found)


def _single_parent(household: Household, *, spouse: bool) -> bool:
    minors = [
        person
        for person in household.people
        if person.relation in {"儿子", "女儿"} and age_on(person.birth, household.updated) < 18
    ]
    return bool(minors) and not spouse


def _no_one_employed(household: Household) -> bool:
    able = [person for person in household.people if person.able]
    return bool(able) and all(person.standing in OUT_OF_WORK for person in able)


def _causes(household: Household) -> list[str]:
    """Main cause first: one of the form's ten (致困原因)."""
    found = []
    if household.loss > household.compensation:
        found.append("遭受意外事故")
    if household.costs.get("因病刚性支出", 0) > 0:
        found.append("患重特大疾病")
    if household.worker.standing in OUT_OF_WORK:
        found.append("下岗失业")
    if household.costs.get("因学刚性支出", 0) > 0:
        found.append("子女上学")
    if not any(person.able for person in household.people):
        found.append("无劳动能力")
    return found or ["其他"]
