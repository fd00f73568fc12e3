"""Labels of code lists as offices write them, and the readers of coded cells.

A label that says the same as one of the list is read as it; one that says less is told and left unknown; a category of an
older scheme is kept as such and never becomes one of the present.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from core.codes.loader import code_list
from core.errors import InvalidInput
from core.people.roster.problems import Fault
from core.people.roster.values import NO_VALUE, Told, plain
from core.spreadsheets.cells import Cell
from core.text.normalise import fold, squash

HEAD: Final = "head"
SPOUSE: Final = "spouse"
CHILD: Final = "child"
PARENT: Final = "parent"
BY_SEX: Final[Mapping[str, tuple[str, str]]] = {
    SPOUSE: ("husband", "wife"),
    CHILD: ("son", "daughter"),
    PARENT: ("father", "mother"),
}
"""Relations that the form's list knows only with the sex: the codes of a man and of a woman."""

SYNONYMS: Final[Mapping[str, Mapping[str, str]]] = {
    "relationship_form": {
        "本人": "head", "户主本人": "head", "职工本人": "head", "困难职工": "head", "职工": "head", "申请人": "head",
        "自己": "head",
        "夫": "husband", "老公": "husband", "妻": "wife", "老婆": "wife", "配偶": SPOUSE, "爱人": SPOUSE, "夫妻": SPOUSE,
        "子": "son", "长子": "son", "次子": "son", "三子": "son", "四子": "son", "独生子": "son", "儿": "son",
        "大儿子": "son",
        "二儿子": "son", "小儿子": "son", "二子": "son", "养子": "son", "继子": "son", "幼子": "son", "之子": "son",
        "女": "daughter", "长女": "daughter", "次女": "daughter", "三女": "daughter", "四女": "daughter",
        "独生女": "daughter",
        "大女儿": "daughter", "二女儿": "daughter", "小女儿": "daughter", "二女": "daughter", "养女": "daughter",
        "继女": "daughter",
        "之女": "daughter", "幼女": "daughter", "子女": CHILD, "孩子": CHILD, "子/女": CHILD, "父": "father",
        "爸爸": "father",
        "母": "mother", "妈妈": "mother", "父母": PARENT, "父亲/母亲": PARENT, "之父": "father", "之母": "mother",
        "之妻": "wife", "之夫": "husband",
    },
    "gender": {"男": "1", "女": "2", "m": "1", "f": "2", "male": "1", "female": "2", "1": "1", "2": "2"},
    "political_status_form": {
        "党员": "cpc_member", "预备党员": "cpc_member", "中共预备党员": "cpc_member", "中国共产党党员": "cpc_member",
        "共产党员": "cpc_member",
        "团员": "youth_league", "中国共产主义青年团团员": "youth_league", "无党派": "masses", "无党派人士": "masses",
        "普通群众": "masses",
        "无党派民主人士": "masses", "公民": "masses", "少先队员": "masses",
    },
    "marital_status_form": {
        "初婚": "married", "再婚": "married", "复婚": "married", "有配偶": "married", "离婚": "divorced",
        "丧偶未再婚": "widowed",
        "单身": "unmarried", "离异未再婚": "divorced",
    },
    "household_registration_kind": {
        "非农": "non_agricultural", "非农户": "non_agricultural", "非农业户口": "non_agricultural",
        "非农户口": "non_agricultural",
        "城镇": "non_agricultural", "城镇户口": "non_agricultural", "城市": "non_agricultural", "农村": "agricultural",
        "农业户口": "agricultural", "农村户口": "agricultural", "农户": "agricultural", "居民": "resident",
        "居民户口": "resident",
        "居民家庭户": "resident", "农转非": "turned_resident", "农转居户口": "turned_resident",
    },
    "health_status_form": {
        "健康": "good", "健康或良好": "good", "正常": "good", "好": "good", "健康良好": "good", "心脏病": "cardiovascular",
        "冠心病": "cardiovascular",
        "脑梗": "cerebrovascular", "脑梗塞": "cerebrovascular", "脑出血": "cerebrovascular", "中风": "cerebrovascular",
        "高血压": "hypertension",
        "腰椎病": "spine", "颈椎病": "spine", "腰椎间盘突出": "spine", "白血病": "blood", "精神疾病": "mental",
        "肿瘤": "tumour", "肝炎": "liver",
        "肝硬化": "liver", "肺结核": "lung", "尘肺": "lung", "尘肺病": "lung", "残": "disabled", "有残疾": "disabled",
        "癌": "cancer",
    },
    "disability_kind": {
        "视力": "1", "听力": "2", "言语": "3", "肢体": "4", "智力": "5", "精神": "6", "多重": "7", "视力残": "1",
        "听力残": "2", "言语残": "3",
        "肢残": "4", "肢体残": "4", "智残": "5", "智力残": "5", "精神残": "6", "盲": "1", "聋": "2", "哑": "3",
        "综合残疾": "7",
    },
    "disability_grade": {
        "一级": "1", "二级": "2", "三级": "3", "四级": "4", "1": "1", "2": "2", "3": "3", "4": "4", "1级": "1", "2级": "2",
        "3级": "3", "4级": "4",
        "极重度": "1", "重度": "2", "中度": "3", "轻度": "4", "壹级": "1", "贰级": "2", "叁级": "3", "肆级": "4",
    },
    "employment_status": {
        "在职": "on_post", "在职在岗": "on_post", "上班": "on_post", "就业": "on_post", "已就业": "on_post",
        "下岗": "laid_off", "待岗": "laid_off",
        "下岗待岗": "laid_off", "失业": "unemployed", "无业": "unemployed", "待业": "unemployed", "未就业": "unemployed",
        "无工作": "unemployed",
        "灵活就业": "flexible", "新就业形态": "flexible", "打零工": "flexible", "零工": "flexible", "已退休": "retired",
        "离岗退养": "early_retired",
        "内部退养": "early_retired", "病假": "sick_leave",
    },
    "identity_status": {
        "打工": "migrant_worker", "外出务工": "migrant_worker", "务工": "migrant_worker", "进城务工": "migrant_worker",
        "硕士": "postgraduate",
        "博士": "postgraduate", "硕士研究生": "postgraduate", "博士研究生": "postgraduate", "本科生": "undergraduate",
        "大专生": "undergraduate",
        "大学": "undergraduate", "本科": "undergraduate", "大专": "undergraduate", "高职": "undergraduate",
        "在校大学生": "undergraduate",
        "中专": "secondary_vocational", "中职": "secondary_vocational", "技校": "secondary_vocational",
        "职高": "secondary_vocational",
        "中专生": "secondary_vocational", "中技": "secondary_vocational", "高中生": "senior_high", "初中生": "junior_high",
        "小学生": "primary",
        "学龄前": "preschool", "婴幼儿": "preschool", "幼儿": "preschool", "幼儿园": "preschool", "儿童": "preschool",
        "丧失劳动能力": "unable_to_work",
    },
    "model_worker_rank": {
        "否": "none", "无": "none", "国家级": "national", "全国劳动模范": "national", "省级": "provincial",
        "省劳模": "provincial", "省级劳模": "provincial",
        "部级": "provincial", "市级": "prefecture", "市劳模": "prefecture", "市级劳模": "prefecture", "县级": "county",
        "县劳模": "county", "不是": "none",
    },
    "housing_kind": {
        "自有": "self_bought", "自有住房": "self_bought", "自有房": "self_bought", "自购": "self_bought",
        "自建": "self_built", "经适房": "affordable",
        "廉租房": "low_rent", "公租房": "public_rental", "租住": "rented", "租赁": "rented", "租赁房": "rented",
        "公房": "employer_public",
        "单位公房": "employer_public", "无": "none", "无住房": "none", "商品住房": "commercial", "借住": "other",
    },
    "employer_nature": {
        "国企": "state_owned", "国有": "state_owned", "机关": "state_organ", "事业单位": "state_organ",
        "机关事业单位": "state_organ", "集体": "collective",
        "民营": "private", "私营": "private", "私企": "private", "民企": "private", "私营企业": "private",
        "民营企业": "private", "个体": "private",
        "个体工商户": "private", "外资": "foreign_joint", "合资": "foreign_joint", "港澳台": "hmt_joint",
        "集体制企业": "collective",
    },
    "employer_condition": {
        "正常经营": "normal", "亏损": "loss_making", "破产": "closed_bankrupt", "关闭": "closed_bankrupt",
        "关停": "closed_bankrupt",
        "破产企业": "closed_bankrupt", "关闭破产": "closed_bankrupt", "改制": "restructured", "停产企业": "stopped",
        "半停产企业": "half_stopped",
    },
    "medical_insurance_kind": {
        "职工医保": "310", "城镇职工医保": "310", "城镇职工基本医疗保险": "310", "职工基本医保": "310",
        "职工医疗保险": "310", "居民医保": "390",
        "城乡居民医保": "390", "城乡居民医疗保险": "390", "城镇居民医保": "391", "新农合": "380", "农村合作医疗": "380",
        "新型农村合作医疗保险": "380",
        "无": "none", "未参加": "none", "没有参保": "none", "未参保险": "none", "大病保险": "392", "未知": "unknown",
    },
    "self_help_ability": {"是": "yes", "否": "no", "有": "yes", "无": "no"},
    "main_cause": {
        "下岗": "03", "失业": "03", "下岗、失业": "03", "重大疾病": "06", "大病": "06", "患重大疾病": "06", "因病": "06",
        "因病致困": "06", "患病": "06",
        "重特大疾病": "06", "本人大病": "06", "家属大病": "06", "自然灾害": "07", "意外事故": "08", "意外灾害": "08",
        "因意外": "08", "上学": "09",
        "子女教育": "09", "因学": "09", "因学致困": "09", "供养子女上学": "09", "子女就学": "09", "丧失劳动能力": "01",
        "其它": "10",
    },
    "education": {
        "研究生": "10", "博士": "10", "硕士": "10", "博士研究生": "10", "硕士研究生": "10", "大学": "20", "本科": "20",
        "大学本科": "20",
        "大专": "30", "专科": "30", "大学专科": "30", "高职": "30", "中专": "40", "中职": "40", "中技": "40", "职高": "40",
        "技校": "40",
        "中等专科": "40", "高中": "60", "普通高中": "60", "初中": "70", "小学": "80", "文盲": "90", "半文盲": "90",
        "其它": "90", "职业高中": "40",
    },
    "worker_category": {"困难企业职工": "operating_difficulty_firm", "下岗": "laid_off", "失业": "unemployed",
    "失业职工": "unemployed"},
    "property_exclusion": {"两套以上住房": "two_dwellings", "机动车": "vehicle", "有车": "vehicle", "车辆": "vehicle",
    "商铺": "shop_or_employer"},
}  # fmt: skip
VAGUE: Final[Mapping[str, frozenset[str]]] = {
    "identity_status": frozenset(("学生", "在校生", "在校学生", "在读", "上学", "读书", "在学")),
    "employment_status": frozenset(("务农", "农民", "其他", "学生", "在读", "个体")),
    "health_status_form": frozenset(("一般", "较差", "较弱", "体弱", "差", "患病", "有病", "疾病", "重病", "大病", "患大病",
    "慢性病", "重大疾病", "一般或较弱", "有慢性病")),
    "disability_kind": frozenset(("残疾", "有残疾", "是", "有")),
    "medical_insurance_kind": frozenset(("已参保", "参保", "已参加", "有", "是", "医保")),
    "marital_status_form": frozenset(("其他", "未说明的婚姻状况")),
    "industry": frozenset(("其他", "其它")),
}  # fmt: skip
"""Labels that say too little for the list: told, and left unknown."""
NOTHING: Final[Mapping[str, frozenset[str]]] = {
    "disability_kind": frozenset(("非残疾", "无残疾", "否", "健康", "正常", "非残")),
    "disability_grade": frozenset(("非残疾", "无残疾", "否")),
    "health_status_form": frozenset(("无病",)),
}
"""Labels that say that there is nothing to record."""
PRESENT_KINDS: Final = frozenset(
    ("深度困难", "相对困难", "意外致困", "深度困难职工", "相对困难职工", "意外致困职工", "深度困难户", "相对困难户")
)
FORMER_KINDS: Final[Mapping[str, str]] = {
    "低保": "low_income", "低保家庭": "low_income", "低保职工": "low_income", "低保边缘": "low_income_edge",
    "低保边缘家庭": "low_income_edge",
    "低保边缘职工": "low_income_edge", "边缘户": "low_income_edge", "低收入户": "low_income_edge",
    "低保线以上户": "above_line",
}  # fmt: skip
"""How offices write the categories of older schemes, beside the labels of the two lists."""
_LONG_NUMBER: Final = re.compile(r"[0-9]{7,}")
_YES: Final = frozenset(("是", "有", "√", "✓", "✔", "☑", "v", "1", "y", "yes", "true", "t", "对", "具备", "已"))
_NO: Final = frozenset(
    ("否", "无", "0", "n", "no", "false", "f", "没有", "不是", "×", "x", "✗", "☒", "不", "未", "非", "不具备")
)


@lru_cache(maxsize=4096)
def label_key(label: str) -> str:
    """A label as it is compared."""
    return squash(fold(label))


def _list_code(list_name: str, typed: str) -> str | None:
    key = label_key(typed)
    found = SYNONYMS.get(list_name, {}).get(key)
    if found is not None:
        return found
    known = code_list(list_name)
    try:
        return known.from_label(typed).code
    except InvalidInput:
        pass
    if list_name == "ethnic_group":
        key = key if key.isdecimal() else f"{key}族"
        return key.zfill(2) if key.zfill(2) in known else next((item.code for item in known.items if item.zh == key), None)
    if list_name == "industry" and key.upper() in known:
        return key.upper()
    return next((item.code for item in known.items if _said(item.zh, key)), None) if list_name == "self_help_ability" else None


def _said(label: str, key: str) -> bool:
    return label_key(label).startswith(f"{key}(")


class CodeReader:
    """Reads the cells of a coded column; the first of its lists that knows a label gives the code."""

    def __init__(self, *lists: str) -> None:
        self._lists = lists

    def __call__(self, raw: Cell) -> str | Fault | Told | None:
        """The code, or what is wrong with the cell."""
        found = plain(raw)
        if not isinstance(found, str) or not found:
            return found or None
        return self.read(found)

    def read(self, typed: str) -> str | Fault | Told | None:
        """The code of one label."""
        for name in self._lists:
            code = _list_code(name, typed)
            if code is not None:
                return code
        key = label_key(typed)
        for name in self._lists:
            if key in NOTHING.get(name, ()):
                return None
            if key in VAGUE.get(name, ()):
                return Told(None, Fault("code_vague", {"list": self._lists[0]}))
        return None if typed in NO_VALUE else Fault("code_unknown", {"list": self._lists[0]})


class CodesReader:
    """Reads the cells of a column that holds several labels, as a tuple of codes, each once."""

    def __init__(self, list_name: str) -> None:
        self._one = CodeReader(list_name)

    def __call__(self, raw: Cell) -> tuple[str, ...] | Fault | Told | None:
        """The codes, or what is wrong with the first label that is none."""
        found = plain(raw)
        if not isinstance(found, str) or not found:
            return found or None
        whole = self._one.read(found)
        if isinstance(whole, str):
            return (whole,)
        codes: dict[str, None] = {}
        told: Fault | None = None
        for part in parts(found):
            code = self._one.read(part)
            if isinstance(code, Fault):
                return code
            if isinstance(code, Told):
                told, code = code.fault, code.value
            if code is not None:
                codes[code] = None
        read = tuple(codes) or None
        return Told(read, told) if told else read


def parts(typed: str) -> list[str]:
    """The labels of a text that holds several, each once."""
    for separator in ";；，,、\n|":
        typed = typed.replace(separator, ";")
    return list(dict.fromkeys(part.strip() for part in typed.split(";") if part.strip()))


def relation(raw: Cell) -> str | Fault | Told | None:
    """The relation to the head, a code of the form's list, or one of ``BY_SEX``; a rarer one is recorded as other."""
    found = plain(raw)
    if not isinstance(found, str) or not found or found in NO_VALUE:
        return found if isinstance(found, Fault) else None
    for typed in (
        found,
        found.removeprefix("户主之").removeprefix("之").removeprefix("户主的"),
        found.partition("(")[0].partition("（")[0],
    ):
        code = _list_code("relationship_form", typed)
        if code is not None:
            return code
        try:
            code_list("relationship_to_head").from_label(typed)
            return Told("other", Fault("relation_other"))
        except InvalidInput:
            if label_key(typed) in _RARER:
                return Told("other", Fault("relation_other"))
    return Fault("code_unknown", {"list": "relationship_form"})


_RARER: Final = frozenset(
    (
        "孙子女", "外孙", "爷爷", "奶奶", "外公", "外婆", "姥姥", "姥爷", "哥哥", "弟弟", "姐", "妹", "哥", "侄儿", "公婆",
        "岳父母", "女婿", "媳妇",
        "儿媳妇", "其它", "亲属", "养父", "养母", "继父", "继母", "兄弟", "姐妹", "嫂子",
    )
)  # fmt: skip


class YesNoReader:
    """Reads 是/否, 有/无, √, 1/0, Y/N as true or false; a blank is unknown, never no."""

    def __init__(self, list_name: str) -> None:
        self._list = list_name

    def __call__(self, raw: Cell) -> bool | Fault | None:
        """Whether it is so, or what is wrong with the cell."""
        if isinstance(raw, bool):
            return raw
        found = plain(raw)
        if not isinstance(found, str) or not found:
            return found or None
        key = label_key(found)
        if key in _YES or key in _NO:
            return key in _YES
        if found in NO_VALUE or key in ("不清楚", "未知"):
            return None
        try:
            return code_list(self._list).from_label(found).code == "yes"
        except InvalidInput:
            return Fault("yes_no_wrong")


class KindReader:
    """Reads the category of difficulty: only those of older schemes are kept, and each is told."""

    def __call__(self, raw: Cell) -> str | Fault | Told | None:
        """The code of the former category, or None where the present scheme's or none is given."""
        found = plain(raw)
        if not isinstance(found, str) or not found or found in NO_VALUE:
            return found if isinstance(found, Fault) else None
        key = label_key(found)
        if key in PRESENT_KINDS:
            return None
        code = FORMER_KINDS.get(key)
        for name in ("difficulty_category_former", "difficulty_category_oldest"):
            if code is None:
                code = next((item.code for item in code_list(name).items if label_key(item.zh) == key), None)
        return Told(None, Fault("kind_unknown")) if code is None else Told(code, Fault("former_kind"))


class ProgrammesReader:
    """Reads the names of programmes applied for."""

    def __init__(self, programmes: Mapping[str, str]) -> None:
        self._codes = {label_key(label): code for label, code in programmes.items()}
        self._allowed = "、".join(programmes)

    def __call__(self, raw: Cell) -> tuple[str, ...] | Fault | None:
        """The codes of the programmes."""
        found = plain(raw)
        if not isinstance(found, str) or not found or found in NO_VALUE:
            return found if isinstance(found, Fault) else None
        named: dict[str, None] = {}
        for part in parts(found):
            code = self._codes.get(label_key(part))
            if code is None:
                return Fault("programme_unknown", {"given": _LONG_NUMBER.sub("****", part)[:20], "allowed": self._allowed})
            named[code] = None
        return tuple(named)
