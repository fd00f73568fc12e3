"""What can be wrong with a roster, as data: a stable code, whether it holds a household back, and the words.

An ``error`` holds its household back (or names a sheet that cannot be read); a ``warning`` is told and the household goes in.
``{given}`` is the masked value; the other names are words that the place where it was found knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem."""

    code: str
    severity: Severity
    zh: str
    en: str
    mend_zh: str
    mend_en: str


def _error(code: str, zh: str, en: str, mend_zh: str, mend_en: str) -> Kind:
    return Kind(code, "error", zh, en, mend_zh, mend_en)


def _warning(code: str, zh: str, en: str, mend_zh: str, mend_en: str) -> Kind:
    return Kind(code, "warning", zh, en, mend_zh, mend_en)


_CARD = ("请与身份证核对", "compare it with the identity card")
_AS_TEXT = (
    "请将单元格设为文本格式，再照证件重新填写",
    "make the cell a text and type the value again from the document",
)
_ALL_KINDS: Final = (
    # the file
    _warning("misnamed", "文件名以“{ending}”结尾，内容却是{format}，已按内容读入",
             "the name ends in {ending}, the content is {format_en}; read by its content",
             "请核对是否选错了文件；没有选错的无需处理", "check whether it is the right file; if it is, nothing to do"),
    # the sheet
    _error("columns_missing", "工作表缺少列：{columns}，未读入", "the sheet lacks the columns {columns} and is not read",
           "请补齐列，或在预览页指明哪一列是它", "add the columns, or say in the preview which ones they are"),
    _warning("sheet_unread", "看不懂此工作表，但其中像有身份证号，未读入",
             "the sheet is not understood and not read, though there seem to be identity numbers in it",
             "请在表头写明“姓名”“身份证号”等列名", "give it a header with columns such as 姓名 and 身份证号"),
    _warning("heading_unknown", "不认识列“{heading}”，此列未读入", "the column {heading} is not known and not read",
             "如需读入，请在预览页指明它是哪一项", "to have it read, say in the preview what it is"),
    _warning("column_doubled", "另有一列也是“{field}”，此列未读入", "another column is {field} too; this one is not read",
             "请保留一列，或在预览页指明它是哪一项", "keep one of them, or say in the preview what this one is"),
    _warning("unit_converted", "列名写明单位，金额已按“{rule}”换算",
        "the heading names a unit: amounts were converted ({rule})",
             "请核对换算是否正确", "check whether that is right"),
    _warning("found_by_content", "列名不明，按内容当作“{field}”读入",
        "the heading says nothing; read as {field} by its content",
             "如不正确，请在预览页更正", "if that is wrong, correct it in the preview"),
    _warning("heading_guessed", "没有叫“{heading}”的列，按相近的“{field}”读入",
             "no column is called {heading}; read as {field}, which is like it",
             "请在预览页核对；如不正确，请更正", "check it in the preview, and correct it if it is wrong"),
    _warning("row_ignored", "此行不像人员数据，未读入", "the row does not look like a person and is not read",
             "如是人员，请补填姓名和身份证号", "if it is a person, fill in name and identity number"),
    _warning("only_head", "此项只记职工本人（户主）的，其他成员行的 {count} 处未读入",
             "this is kept of the worker alone; {count} cells in rows of members are not read",
             "无需处理；如应记在户主名下，请填在户主行", "nothing to do; if it is the head's, write it in the head's row"),
    # any cell
    _error("formula_error", "单元格是公式错误值 {given}", "the cell holds the formula error {given}",
           "请改正公式，或直接填写数值", "mend the formula or type the value"),
    _error("formula_without_value", "公式没有保存计算结果", "the formula has no stored result",
           "请用表格软件打开、重新计算并保存，或直接填写数值", "open, recalculate and save the file, or type the value"),
    _error("control_character", "含有不可见的控制字符", "there are control characters in it", "请删去后重新填写",
        "type it again without them"),
    _error("too_long", "超过 {most} 字", "longer than {most} characters", "请缩短", "shorten it"),
    _warning("number_in_text", "文字中有身份证号或银行卡号，已遮盖保存",
             "an identity number or a bank card stands in the text; it is stored masked",
             "请填写在“身份证号”“银行卡号”列；文字中不写证号、卡号",
             "write it under 身份证号 or 银行卡号; keep such numbers out of texts"),
    _error("wrong_type", "此处不应是{what}", "this is no place for {what_en}", "请核对是否填错列",
        "check whether it stands in the wrong column"),
    _error("two_values", "本行另有一列“{other}”填了不同的值", "another column of the row, {other}, holds another value",
           "请保留正确的一个", "keep the right one"),
    # name and identity
    _error("name_missing", "缺少姓名", "the name is missing", "请填写姓名", "fill in the name"),
    _error("name_wrong", "不像姓名", "this is no name", "请照户口簿填写，不写数字、问号",
        "write it as in the household register, without digits or question marks"),
    _warning("name_private_character", "姓名含自造字，其他机器上可能显示不出",
        "the name holds a character of a private font that others cannot show",
             "请改用国家标准编码的字", "use the standard character"),
    _error("identity_missing", "缺少身份证号", "the identity number is missing", "请填写 18 位身份证号",
        "fill in the number of 18 characters"),
    _error("identity_as_number", "身份证号以数字格式存放，第 15 位以后已丢失，即使校验码相符也不可信",
           "the identity number stored as a number keeps 15 digits only; even a fitting check digit proves nothing",
           *_AS_TEXT),
    _error("identity_scientific", "身份证号已变成科学计数，后几位已丢失",
        "the identity number has become a power of ten; its last digits are lost", *_AS_TEXT),
    _error("identity_rounded", "身份证号末三位为 000，像是由表格软件按数字另存而丢失末位",
           "the identity number ends in 000, as programs write it that kept 15 digits only",
           "请用文本格式重新填写；如证号确实如此，请改用 .xlsx 文件提交",
           "type it again as a text; if it is right, send an .xlsx file"),
    _warning("identity_zeros", "身份证号末三位为 000，可能曾按数字存放而丢失末位",
        "the identity number ends in 000 and may have lost its last digits", *_CARD),
    _error("identity_form", "身份证号应为 17 位数字加 1 位数字或 X",
        "an identity number has 17 digits and a last digit or X", *_CARD),
    _error("identity_check_digit", "身份证号校验码不符", "the check digit of the identity number does not fit", *_CARD),
    _error("identity_division", "身份证号前六位不是行政区划代码",
        "the first six digits of the identity number are no division code", *_CARD),
    _error("identity_birth_date", "身份证号中的出生日期不存在，或过早、晚于办理日期",
           "the birth date in the identity number does not exist, is too early, or after the business date", *_CARD),
    _warning("identity_fifteen", "15 位旧身份证号，已换算为 18 位（{masked}）",
        "an old number of 15 digits, converted to 18 characters ({masked})", *_CARD),
    _error("sex_differs", "性别与身份证号不符", "the sex differs from the identity number", *_CARD),
    _error("birth_date_differs", "出生日期与身份证号不符", "the birth date differs from the identity number", *_CARD),
    # values
    _error("phone_wrong", "不是电话号码", "this is no phone number", "请填写 11 位手机号，或带区号的固定电话",
        "give a mobile number of 11 digits or a landline with its area code"),
    _warning("phone_several", "填了多个号码，只取第一个作联系电话",
        "there are several numbers; the first is taken as the phone",
             "请把其他号码填在“其他联系方式”", "put the others under 其他联系方式"),
    _error("account_as_number", "银行卡号以数字格式存放，第 15 位以后已丢失",
        "the account is stored as a number, which keeps 15 digits only", *_AS_TEXT),
    _error("account_wrong", "不是银行卡号（应为 8 至 32 位数字）", "this is no account (8 to 32 digits)", "请与银行卡核对",
        "compare it with the card"),
    _error("code_unknown", "“{given}”不在“{list}”的可选值中", "{given} is no value of the list {list}", "可选：{allowed}",
        "allowed: {allowed}"),
    _warning("code_vague", "“{given}”说得不够具体，此项按未知处理", "{given} is too vague; taken as unknown",
        "可选：{allowed}", "allowed: {allowed}"),
    _warning("relation_other", "关系“{given}”记作“其他”", "the relation {given} is recorded as other", "无需处理",
        "nothing to do"),
    _error("yes_no_wrong", "“{given}”既不是“是”也不是“否”", "{given} is neither yes nor no",
        "请填写“是”或“否”，不清楚的留空", "write 是 or 否, or leave it blank"),
    _error("money_wrong", "不是金额", "this is no amount", "请填写如 1200.50 的数，并核对是否填错列",
        "write it like 1200.50, and check whether it stands in the wrong column"),
    _error("money_negative", "金额不能为负数", "an amount cannot be negative", "请核对", "check it"),
    _error("money_decimals", "金额最多两位小数", "an amount has at most two decimals", "请填写如 1200.50 的数",
        "write it like 1200.50"),
    _error("money_large", "金额超过 {most} 元，像是号码", "more than {most} yuan looks like a number of something",
           "请核对是否填错列", "check whether it stands in the wrong column"),
    _warning("money_about", "“{given}”是约数，按其中的数读入", "{given} is approximate; the number in it is taken",
        "请核实准确金额", "find out the exact amount"),
    _warning("money_none", "“{given}”按未填处理", "{given} is taken as not filled in", "确为零的请填 0",
        "write 0 where it is nought"),
    _error("area_wrong", "面积应为 0 至 {most} 平方米的数，最多两位小数",
        "an area is a number from 0 to {most} square metres with at most two decimals",
           "请填写如 85.5 的数，并核对是否填错列", "write it like 85.5, and check whether it stands in the wrong column"),
    _error("date_wrong", "不是日期", "this is no date", "请填写如 2025-09-01 的日期", "write it like 2025-09-01"),
    _error("date_as_number", "数字 {given} 不能当作日期（2024.10 与 2024.1 存成数字后无法区分）",
           "the number {given} is no date: as numbers 2024.10 and 2024.1 are the same", "请填写如 2024-10-01 的日期",
           "write it like 2024-10-01"),
    _error("date_order", "看不出年、月、日的先后", "it is not clear which is the year, the month and the day",
           "请按年-月-日填写，年份四位，如 2024-02-01",
           "write year, month, day with four digits of the year, like 2024-02-01"),
    _error("date_no_day", "日期缺少日", "the day is missing", "请填写如 2025-09-01 的日期", "write it like 2025-09-01"),
    _warning("date_month", "只有年月，按当月 1 日记", "there is no day; recorded as the first of the month", "请核对",
        "check it"),
    _error("dates_order", "建档日期、更新日期应依次不晚于办理日期",
        "the file is opened, then updated, neither after the business date", "请核对两个日期", "check both dates"),
    _error("died_in_future", "死亡日期晚于办理日期", "the day of death lies after the business date", "请核对", "check it"),
    _warning("person_died", "此人已去世，仍随本户读入", "the person has died and is read with the household all the same",
        "请核对家庭成员", "check the members"),
    _error("division_unknown", "不是行政区划代码或名称", "this is neither code nor name of a division",
        "请填写六位行政区划代码", "give a code of six digits"),
    _error("programme_unknown", "没有名为“{given}”的救助项目", "no programme is called {given}", "可选：{allowed}",
        "allowed: {allowed}"),
    _error("causes_too_many", "次要致困原因最多三项", "three secondary causes at most", "请保留最主要的三项",
        "keep the three that weigh most"),
    # the household
    _error("household_missing", "缺少家庭编号，不知属于哪一户",
        "there is no household number, so it is not known whose row this is",
           "请填写家庭编号", "fill in the household number"),
    _error("no_head", "此户没有户主", "the household has no head", "请核对“关系”列，户主填“户主”或“本人”",
        "check the column 关系; the head's is 户主 or 本人"),
    _error("two_heads", "此户有 {count} 名户主", "the household has {count} heads", "请核对“关系”列和户的划分",
        "check the column 关系 and where households begin"),
    _error("relation_missing", "缺少与户主的关系", "the relation to the head is missing", "请填写关系", "fill it in"),
    _error("household_too_large", "一户 {count} 人，超过 {most} 人", "a household of {count} persons, more than {most}",
        "请核对户的划分", "check where households begin"),
    _warning("household_large", "一户 {count} 人，像是划分有误", "a household of {count} persons looks like a mistake",
        "请核对户的划分", "check where households begin"),
    _error("person_twice", "此人在文件中出现多次（另见 {other}）",
        "the person stands in the file more than once (also at {other})",
           "请核对是否重复填报", "check whether the household was entered twice"),
    _error("number_two_names", "同一身份证号对应不同姓名（另见 {other}）",
        "one identity number with two names (also at {other})", *_CARD),
    _error("head_twice", "此人是两户的户主（另见 {other}）", "the person is head of two households (also at {other})",
           "请核对是否重复建档", "check whether the household is on file twice"),
    _warning("file_number_is_identity", "职工编号填的是身份证号，未作编号读入",
        "an identity number stands as the file number; it is not read as one",
             "请填写档案自己的编号；留空的由系统编号",
        "give the file a number of its own, or leave it blank to have one drawn"),
    _error("file_number_twice", "职工编号在文件中重复（另见 {other}）",
        "the file number stands in the file twice (also at {other})", "请更正编号", "correct the number"),
    _error("pension_above_income", "居民养老金大于本人月收入",
        "the residents' pension is more than the income that it is a part of", "请核对两项金额", "check both amounts"),
    _error("income_above_sum", "各项收入之和大于本人月收入", "the lines of income are more than the income as a whole",
        "请核对各项收入", "check the incomes"),
    _warning("total_differs", "家庭年度总收入与各成员收入之和（{reckoned}）不符",
        "the household's yearly income differs from the sum of its lines ({reckoned})",
             "请核对；本系统按明细计算", "check it; the platform reckons with the lines"),
    _warning("per_head_differs", "家庭月人均收入与按明细计算的（{reckoned}）不符",
        "the income per head differs from the one reckoned ({reckoned})",
             "请核对；本系统按明细计算", "check it; the platform reckons with the lines"),
    _warning("size_differs", "家庭人口与登记的 {count} 人不符", "the number of persons differs from the {count} listed",
        "请补齐成员或更正人数", "add members or correct the number"),
    _warning("differs_within_household", "与本户另一行（第 {other} 行）所填不同，以户主行为准",
        "differs from another row of the household (row {other}); the head's counts",
             "请核对", "check it"),
    _warning("other_county", "与导入的区县不符", "is not the county that imports the file", "请核对是否属于本区县",
        "check whether the household is this county's"),
    _warning("age_and_relation", "年龄与关系不合：{relation}的出生日期与户主相差 {years} 年",
        "age and relation do not go together: {relation}, {years} years between it and the head",
             "请核对关系和身份证号", "check relation and identity number"),
    _warning("sex_and_relation", "性别与关系“{relation}”不合", "sex and relation ({relation}) do not go together",
        "请核对关系和身份证号", "check relation and identity number"),
    _warning("former_kind", "困难类别“{given}”是旧标准，只作原类别保留，列入待重新认定",
        "the category {given} is of an older scheme: kept as the former one, to be reassessed",
             "请按现行标准重新认定", "assess the household by the present rules"),
    _warning("kind_unknown", "困难类别“{given}”不在新旧标准中，未读入",
        "the category {given} is of no scheme, old or new; not read", "请按现行标准认定",
        "assess the household by the present rules"),
    # sheets beside the persons'
    _error("supplement_twice", "同一人有多行补充（另见第 {other} 行）",
        "one person has several rows here (also row {other})", "请保留一行", "keep one row"),
    _error("supplement_unmatched", "其他工作表中没有此人，本行未用上",
        "no such person in the other sheets; the row is not used", "请与人员表核对身份证号",
        "compare the identity number with the other sheet"),
    # what only the database shows
    _error("on_file_elsewhere_here", "本户人员已在本单位其他档案中", "a person of the household is in another file here",
        "请核对是否重复建档", "check whether the household is on file twice"),
    _error("file_closed", "档案已{state}，不能由导入更新", "the file is closed ({state}); an import does not change it",
        "请先在系统中重新建档", "open it again first"),
    _error("head_differs", "户主与在册档案的户主不同", "the head is not the one on file",
        "请在系统中办理户主变更，或更正“关系”", "change the head there, or correct 关系 here"),
    _warning("member_missing", "在册成员 {name} 不在表中，未作删除",
        "the member {name} on file is not in the table and stays", "已离开家庭的，请在系统中登记",
        "if the person has left, record it there"),
    _warning("name_differs", "姓名与在册姓名 {name} 不同，未作更改",
        "the name differs from the one on file, {name}, which stays", "确需更名的，请在系统中办理更正",
        "if it is to change, correct it there"),
    _warning("file_number_differs", "职工编号与在册编号 {name} 不同，保留在册编号",
        "the file number differs from the one on file, {name}, which stays", "无需处理", "nothing to do"),
    _error("on_file_already", "此人在本单位已有档案", "the person is on file here already", "请核对是否重复建档",
        "check whether the household is on file twice"),
    _error("file_number_taken", "职工编号已被使用", "the file number is taken", "请更正编号", "correct the number"),
)  # fmt: skip
KINDS: Final = MappingProxyType({kind.code: kind for kind in _ALL_KINDS})
