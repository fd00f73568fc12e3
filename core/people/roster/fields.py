"""The columns of a roster (domain 11 and what a determination needs) as data: what each is called, holds, and fills.

``zh`` is the official heading, ``also`` what offices write instead. Of money ``period`` says what the field holds;
``other_period`` are headings that name the other one, whose amounts are converted and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Holds = Literal[
    "key", "serial", "relation", "name", "identity", "phone", "account", "text", "long_text", "code", "codes", "standing",
    "yes", "money", "sum", "area", "day", "month", "birth", "count", "division", "county", "kind", "programmes",
    "file_number", "township",
]  # fmt: skip
Place = Literal["row", "person", "fact", "told", "household", "file", "means", "stated"]
"""Which part of a draft a field fills: ``row`` orders rows, ``told`` is compared with the person, ``stated`` with the whole
household; ``person`` and ``fact`` are a person's, ``household``, ``file`` and ``means`` the household's."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column that is understood."""

    code: str
    zh: str
    holds: Holds
    place: Place
    also: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    period: Literal["", "month", "year"] = ""
    other_period: tuple[str, ...] = ()
    fills: str = ""
    """The column that it fills, where that is not called ``code``."""
    of_worker: bool = False
    """A household's value that speaks of the worker alone."""

    @property
    def key(self) -> str:
        """The key under which a draft holds the value."""
        return self.fills or self.code

    @property
    def of_person(self) -> bool:
        """Whether each person has one."""
        return self.place in ("row", "person", "fact", "told") and self.holds not in ("key", "serial")


def _money(code: str, zh: str, *also: str, yearly: tuple[str, ...] = (), fills: str = "") -> Field:
    return Field(code, zh, "money", "fact", also, period="month", other_period=yearly, fills=fills)


def _cost(code: str, zh: str, *also: str, monthly: tuple[str, ...] = ()) -> Field:
    return Field(f"cost_{code}_fen", zh, "money", "means", also, period="year", other_period=monthly)


FIELDS: Final = (
    Field("serial", "序号", "serial", "row", ("编号", "行号", "No.", "NO")),
    Field(
        "household_number", "家庭编号", "key", "row",
        ("户编号", "户号", "家庭序号", "户序号", "家庭户编号", "家庭编码", "家庭ID", "户主编号", "家庭号"),
    ),
    Field(
        "relation", "关系", "relation", "row",
        ("与户主关系", "与户主的关系", "户主关系", "与职工关系", "与困难职工关系", "与本人关系", "与申请人关系", "家庭关系",
         "与职工本人关系", "成员关系", "称谓", "亲属关系"),
        ("relationship_form",),
    ),
    Field(
        "name", "姓名", "name", "row",
        ("名字", "人员姓名", "姓 名", "真实姓名", "职工姓名及家庭成员姓名"),
    ),
    Field(
        "identity_number", "身份证号", "identity", "row",
        ("身份证号码", "公民身份号码", "公民身份证号码", "身份证", "证件号码", "证件号", "居民身份证号", "居民身份证号码",
         "二代身份证号", "身份证件号码", "有效证件号码", "身份证编号", "公民身份证号", "身份号码"),
    ),
    Field("gender", "性别", "code", "told", ("性 别",), ("gender",)),
    Field("birth_date", "出生日期", "birth", "told", ("出生年月", "出生年月日", "生日", "出生时间")),
    Field("ethnic_group", "民族", "code", "person", ("民 族", "族别"), ("ethnic_group",)),
    Field("political_status", "政治面貌", "code", "person", ("政治面目", "党派"), ("political_status_form",)),
    Field("marital_status", "婚姻状况", "code", "person", ("婚姻状态", "婚姻", "婚姻情况", "婚否"),
        ("marital_status_form",)),
    Field(
        "registration_kind", "户口类型", "code", "person",
        ("户口性质", "户籍类型", "户籍性质", "户口类别", "户籍类别"), ("household_registration_kind",),
    ),
    Field(
        "registration_division", "户口所在地行政区划", "division", "person",
        ("户籍所在地行政区划", "户籍地区划代码", "户口所在地", "户籍所在地", "户籍地", "行政区划", "行政区划代码",
            "户口所在地区划"),
    ),
    Field("died_on", "死亡日期", "day", "person", ("去世日期", "死亡时间", "身故日期")),
    Field(
        "phone", "手机", "phone", "row",
        ("手机号码", "手机号", "联系电话", "联系方式", "电话", "电话号码", "移动电话", "本人电话", "联系手机",
            "手机号码(必填)"),
    ),
    Field(
        "health_status", "健康状况", "code", "fact",
        ("身体状况", "健康情况", "健康状态", "疾病类型", "患病情况", "患病类型"), ("health_status_form",),
    ),
    Field("disability_kind", "残疾类别", "code", "fact", ("残疾类型", "残疾种类", "残疾情况"), ("disability_kind",)),
    Field("disability_grade", "残疾等级", "code", "fact", ("残疾级别",), ("disability_grade",)),
    Field(
        "medical_insurance", "医保状况", "code", "fact",
        ("医疗保险", "参加医保情况", "医保类型", "医保情况", "参保情况", "医疗保险类型", "参保险种", "医疗保障"),
        ("medical_insurance_kind",),
    ),
    Field("education", "学历", "code", "fact", ("文化程度", "教育程度", "最高学历", "受教育程度"), ("education",)),
    Field(
        "work_state", "工作状态", "standing", "fact",
        ("就业状况", "就业状态", "就业情况", "工作状况", "从业状况", "在岗状态"), fills="identity_status",
    ),
    Field(
        "standing", "身份", "standing", "fact",
        ("人员身份", "身份类别", "人员类别", "职业", "从业或就学状况", "身份类型", "职业状况"), fills="identity_status",
    ),
    Field(
        "employer_name", "工作单位", "text", "fact",
        ("单位名称", "所在单位", "用人单位", "企业名称", "单位", "工作单位名称", "所在企业"), fills="unit_or_school",
    ),
    Field(
        "unit_or_school", "单位或学校", "text", "fact",
        ("工作单位或学校", "单位(学校)", "单位/学校", "工作(学习)单位", "所在单位或学校", "就读学校", "学校",
            "工作单位或就读学校",
         "单位或就读学校", "学校名称", "工作单位/就读学校"),
    ),
    Field("able_to_work", "有劳动能力", "yes", "fact", ("是否有劳动能力", "劳动能力", "有无劳动能力"), ("yes_no",)),
    Field(
        "aided_elsewhere", "已获其他助学", "yes", "fact",
        ("是否已获其他助学", "是否享受其他助学", "已享受其他助学", "是否获得其他助学"), ("yes_no",),
    ),
    _money(
        "worker_income", "本人月平均收入", "本人月收入", "职工月收入", "职工本人月收入", "月平均收入", "本人月均收入",
        "职工本人月平均收入",
        yearly=("本人年收入", "职工年收入", "本人年平均收入", "本人年总收入"), fills="income_unsorted_fen",
    ),
    _money(
        "income", "月收入", "个人月收入", "月均收入", "成员月收入", "收入", "个人收入", "月收入情况", "每月收入",
        "人员月收入",
        yearly=("年收入", "个人年收入", "年总收入", "个人年总收入"), fills="income_unsorted_fen",
    ),
    _money("income_wage_fen", "工资性收入", "工资收入", "月工资", "工资", "月工资收入", "月工资性收入", "劳动报酬",
           yearly=("年工资", "年工资收入", "年工资性收入")),
    _money("income_business_fen", "经营净收入", "经营性收入", "经营收入", "月经营净收入", "经营性净收入",
           yearly=("年经营净收入", "年经营收入", "年经营性收入")),
    _money("income_property_fen", "财产净收入", "财产性收入", "财产收入", "月财产性收入", "财产性净收入",
           yearly=("年财产性收入", "年财产净收入")),
    _money("income_pension_fen", "职工养老金", "养老金", "退休金", "离退休金", "基本养老金", "退休工资", "月养老金",
        "月退休金", "养老金收入",
           yearly=("年养老金", "年退休金")),
    _money(
        "residents_pension_fen", "其中居民养老金(月)", "其中居民养老金", "居民养老金", "城乡居民养老金",
        "城乡居民基本养老金",
        "居民基本养老金", "城乡居民养老保险金", yearly=("其中居民养老金(年)", "年居民养老金"),
    ),
    _money("income_transfer_fen", "转移净收入", "转移性收入", "转移收入", "月转移性收入", "转移性净收入",
           yearly=("年转移性收入", "年转移净收入")),
    _money("income_union_grant_fen", "月工会帮扶金", "工会帮扶收入", "工会帮扶金收入", "工会补助收入",
           "月工会补助", "其中工会帮扶金", "其中工会补助",
           yearly=("年工会帮扶金", "年工会帮扶收入", "年工会补助", "全年工会帮扶金")),
    _money("income_other_fen", "其他收入", "其它收入", "其他月收入", "月其他收入", "其他应当计入家庭的收入",
           yearly=("其他年收入", "年其他收入")),
    Field(
        "address", "住址", "long_text", "household",
        ("家庭住址", "家庭地址", "居住地址", "现住址", "现居住地", "住所", "详细地址", "通讯地址", "地址", "居住地",
            "家庭详细住址", "联系地址",
         "现住地址", "居住地详细地址", "家庭详细地址"),
    ),
    Field(
        "township", "乡镇街道", "township", "file",
        ("乡镇(街道)", "乡镇/街道", "镇街", "镇(街道)", "街道(乡镇)", "街道/乡镇", "所属乡镇", "所在乡镇", "所属街道",
            "所属镇街", "所在街道", "街道", "乡镇", "镇街名称", "所属乡镇街道", "乡(镇)、街道"),
    ),
    Field("postcode", "邮编", "text", "household", ("邮政编码", "邮编号码")),
    Field("housing_kind", "住房类型", "code", "household", ("住房性质", "房屋类型", "住房情况", "住房状况", "房屋性质"),
        ("housing_kind",)),
    Field("floor_area_dm2", "建筑面积", "area", "household", ("住房面积", "住房建筑面积", "房屋面积", "居住面积")),
    Field(
        "file_number", "职工编号", "file_number", "file",
        ("档案编号", "档案号", "困难职工编号", "建档编号", "困难职工档案编号", "档案编码"), of_worker=True,
    ),
    Field(
        "kind", "困难类别", "kind", "file",
        ("困难类型", "困难职工类别", "困难等级", "困难程度", "帮扶类别", "建档类别", "困难户类别", "困难职工类型",
            "原困难类别"),
        fills="former_kind",
    ),
    Field("employer_nature", "单位性质", "code", "file", ("企业性质", "单位类型", "企业类型"), ("employer_nature",),
        of_worker=True),
    Field(
        "employer_condition", "企业状况", "code", "file",
        ("单位状况", "企业状态", "企业经营状况", "单位经营状况"), ("employer_condition",), of_worker=True,
    ),
    Field("industry", "所属行业", "code", "file", ("行业", "行业类别", "所在行业", "单位所属行业"), ("industry",),
        of_worker=True),
    Field(
        "work_started_on", "工作时间", "month", "file",
        ("参加工作时间", "参加工作日期", "参加工作年月", "工作日期", "参工时间"), of_worker=True,
    ),
    Field("model_worker_rank", "劳模类型", "code", "file", ("劳模类别", "劳模级别", "劳动模范类型", "劳模"),
        ("model_worker_rank",), of_worker=True),
    Field("single_parent", "是否单亲", "yes", "file", ("单亲", "单亲家庭", "是否单亲家庭"), ("yes_no",)),
    Field(
        "self_help_ability", "有无自救能力", "yes", "file", ("自救能力", "是否有自救能力", "有无一定自救能力"),
        ("self_help_ability",),
    ),
    Field("zero_employment", "是否零就业家庭", "yes", "file", ("零就业家庭", "是否零就业", "零就业"), ("yes_no",)),
    Field(
        "main_cause", "主要致困原因", "code", "file", ("致困原因", "致困主因", "主要困难原因", "困难原因", "主要致贫原因"),
        ("main_cause",),
    ),
    Field(
        "secondary_causes", "次要致困原因", "codes", "file", ("其他致困原因", "次要困难原因", "其它致困原因"),
        ("main_cause",),
    ),
    Field("bank_name", "开户银行", "text", "file", ("开户行", "银行名称", "开户行名称", "所属银行", "开户银行名称"),
        of_worker=True),
    Field("bank_branch", "支行名称", "text", "file", ("开户支行", "支行", "开户网点"), of_worker=True),
    Field(
        "account", "银行卡号", "account", "household",
        ("银行账号", "银行帐号", "银行账户", "卡号", "账号", "帐号", "银行卡账号", "一卡通账号", "社保卡号", "工资卡号",
            "银行卡", "收款账号"),
        of_worker=True,
    ),
    Field(
        "other_contact", "其他联系方式", "text", "file", ("其它联系方式", "其他电话", "备用电话", "固定电话", "家庭电话",
        "座机"), of_worker=True,
    ),
    Field("attachments_note", "附件", "long_text", "file", ("附件材料", "附件清单", "证明材料")),
    Field("remark", "备注", "long_text", "file", ("备注说明", "备 注", "家庭困难情况", "困难情况", "困难情况说明",
        "家庭情况说明", "困难事由")),
    Field("file_opener", "建档人", "text", "file", ("建档人员", "建档人姓名")),
    Field("reviewer", "审核人", "text", "file", ("审核人员", "审核人姓名", "复核人")),
    Field("data_entry_clerk", "录入人", "text", "file", ("录入人员", "录入人姓名")),
    Field("opinion_unit", "单位工会意见", "long_text", "file", ("基层工会意见", "所在单位工会意见")),
    Field("opinion_unit_on", "单位工会意见日期", "day", "file", ("基层工会意见日期", "单位工会意见时间")),
    Field("opinion_county", "县总工会意见", "long_text", "file", ("县级工会意见", "县(区)总工会意见", "区总工会意见",
        "县工会意见")),
    Field("opinion_county_on", "县总工会意见日期", "day", "file", ("县级工会意见日期", "区总工会意见日期",
        "县总工会意见时间")),
    Field("opinion_upper", "上级工会意见", "long_text", "file", ("市总工会意见", "市级工会意见")),
    Field("opinion_upper_on", "上级工会意见日期", "day", "file", ("市总工会意见日期", "上级工会意见时间")),
    Field("categories", "帮扶对象类别", "codes", "file", ("帮扶对象", "对象类别", "帮扶对象类型"), ("worker_category",)),
    Field("applied_programmes", "申请项目", "programmes", "file", ("申请救助项目", "救助项目", "申请帮扶项目", "帮扶项目")),
    Field("opened_on", "建档日期", "day", "file", ("建档时间", "立档日期", "建档年月日")),
    Field("updated_on", "档案更新日期", "day", "file", ("更新日期", "档案更新时间", "更新时间")),
    Field(
        "other_yearly_income_fen", "家庭其他年收入", "money", "means",
        ("家庭其它年收入", "家庭其他收入", "家庭年其他收入"), period="year", other_period=("家庭其他月收入",
            "家庭月其他收入"),
    ),
    Field(
        "total", "家庭年度总收入", "sum", "stated",
        ("家庭年总收入", "家庭年收入", "家庭总收入", "家庭收入", "家庭年度收入"), period="year",
        other_period=("家庭月总收入", "家庭月收入"),
    ),
    Field("size", "家庭人口", "count", "stated", ("家庭人口数", "家庭人数", "家庭成员数", "人口数", "共同生活人口",
        "家庭成员人数", "人口")),
    Field(
        "per_head", "家庭月人均收入", "sum", "stated",
        ("家庭人均月收入", "月人均收入", "人均月收入", "人均收入", "家庭人均收入"), period="month",
        other_period=("家庭年人均收入", "家庭人均年收入", "年人均收入", "人均年收入"),
    ),
    Field("county", "所属区县", "county", "stated", ("县区", "区县", "县(区)", "县(市、区)", "区(县)", "所属县区",
        "所在区县", "县市区", "所属县")),
    _cost("illness", "因病刚性支出", "医疗支出", "年医疗支出", "医疗费用", "医药费", "医疗费支出", "因病支出", "自付医疗费",
        "医疗费",
          monthly=("月医疗支出", "每月医药费", "月医药费")),
    _cost("disability", "因残刚性支出", "因残支出", "残疾支出", "康复费用", monthly=("月因残支出",)),
    _cost("schooling", "因学刚性支出", "教育支出", "因学支出", "学费", "年教育支出", "教育费用", "上学费用",
        monthly=("月教育支出",)),
    _cost("housing", "住房刚性支出", "住房支出", "租房支出", "房租", "年房租", "住房费用", monthly=("月房租", "月租金",
        "月住房支出")),
    _cost("long_term_care", "长期照料费用", "长期照护费用", "照料费用", "护理费", monthly=("月护理费", "月照料费用")),
    _cost("work_cost", "必要就业成本", "就业成本", monthly=("月就业成本",)),
    _cost("other", "其他刚性支出", "其它刚性支出", "其他支出", monthly=("其他月支出",)),
    Field("property_flags", "财产情形", "codes", "means", ("财产状况", "财产情况", "家庭财产情况", "财产限制情形"),
        ("property_exclusion",)),
    Field("loss_fen", "意外损失", "money", "means", ("意外损失金额", "损失金额", "灾害损失")),
    Field("compensation_fen", "已获赔偿补偿", "money", "means", ("已获赔偿", "赔偿金额", "补偿金额", "已获补偿",
        "已获赔偿补偿金额")),
)  # fmt: skip
BY_CODE: Final = MappingProxyType({field.code: field for field in FIELDS})


@dataclass(frozen=True, slots=True)
class Role:
    """Whom of a row a column speaks of, where its heading or the heading above says so."""

    code: str
    zh: str
    words: tuple[str, ...]
    relation: str = ""
    """How this person is related to the head, where the role itself says it."""
    many: bool = True
    """Whether a row may hold several (``member2``)."""


ROLES: Final = (
    Role("head", "户主", (
        "困难职工本人", "职工本人", "困难职工基本情况", "户主基本情况", "职工基本情况", "本人基本情况", "申请人基本情况",
        "困难职工",
        "户主", "职工", "申请人", "本人", "户主信息", "职工信息", "基本信息", "基本情况", "困难职工信息",
    ), many=False),
    Role("member", "家庭成员", (
        "共同生活的家庭成员", "共同生活家庭成员", "家庭主要成员", "其他家庭成员", "主要家庭成员", "家庭成员基本情况",
        "家庭成员情况",
        "家庭成员信息", "家庭成员", "家属", "成员",
    )),
    Role("spouse", "配偶", ("配偶情况", "配偶信息", "配偶"), "配偶", many=False),
    Role("child", "子女", ("子女情况", "子女信息", "子女", "孩子"), "子女"),
)  # fmt: skip
BY_ROLE: Final = MappingProxyType({role.code: role for role in ROLES})


def field_of(target: str) -> Field:
    """The field that a target (``name``, ``member2:name``) fills. Raises KeyError."""
    return BY_CODE[target.rpartition(":")[2]]


def label_of(target: str) -> str:
    """A target's name on the screen: ``家庭成员2 姓名``."""
    role, _, code = target.rpartition(":")
    zh = BY_CODE[code].zh
    if not role:
        return zh
    plain = role.rstrip("0123456789")
    return f"{BY_ROLE[plain].zh}{role[len(plain) :]} {zh}"


_OF_TABLE: Final = {"person": ("person", "row"), "household": ("household",), "file": ("file",), "person_fact": ("fact",),
                    "household_fact": ("means",)}  # fmt: skip
_MADE: Final = {
    "income_unsorted_fen": "月收入（未分项）", "identity_status": "身份", "employment_status": "工作状态",
    "unit_or_school": "单位或学校",
    "employer_name": "工作单位", "opinions": "各级工会意见", "former_kind": "原困难类别",
}  # fmt: skip


def column_label(part: str, column: str) -> str:
    """The Chinese name of a column that an import fills; ``part`` is person, household, file, person_fact or household_fact."""
    if column in _MADE:
        return _MADE[column]
    return next((field.zh for field in FIELDS if field.key == column and field.place in _OF_TABLE[part]), column)


def targets() -> list[tuple[str, str]]:
    """All targets that a column can be given by hand, with their names."""
    plain = [(field.code, field.zh) for field in FIELDS]
    roles = ("head", "member", "spouse", "child")
    named = [f"{role}:{field.code}" for role in roles for field in FIELDS if field.of_person]
    return plain + [(target, label_of(target)) for target in named]
