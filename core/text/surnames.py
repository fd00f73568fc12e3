"""Surnames whose reading differs from the character's usual one, and surnames of two characters (复姓).

Readings are pinyin with the tone as a digit. Only what a character dictionary would get wrong stands here.
"""

from __future__ import annotations

from typing import Final

SURNAME_READINGS: Final[dict[str, str]] = {
    "单": "shan4", "长": "zhang3", "解": "xie4", "仇": "qiu2", "曾": "zeng1", "查": "zha1", "区": "ou1", "翟": "zhai2",
    "覃": "qin2", "葛": "ge3", "任": "ren2", "朴": "piao2", "那": "na1", "缪": "miao4", "纪": "ji3", "薄": "bo2",
    "秘": "bi4", "折": "she2", "召": "shao4", "种": "chong2", "员": "yun4", "贠": "yun4", "能": "nai4", "乜": "nie4",
    "乐": "yue4", "都": "du1", "卜": "bu3", "隗": "wei3", "盖": "ge3", "繁": "po2", "祭": "zhai4", "洗": "xian3",
    "哈": "ha3", "相": "xiang4", "过": "guo1", "郇": "xun2", "燕": "yan1", "华": "hua4", "於": "yu1", "占": "zhan1",
    "句": "gou1", "干": "gan1", "阚": "kan4", "佴": "nai4", "肖": "xiao1", "黑": "he4", "么": "yao1",
}  # fmt: skip

OTHER_SURNAME_READINGS: Final[dict[str, str]] = {
    "单": "dan1", "解": "jie3", "仇": "chou2", "曾": "ceng2", "查": "cha2", "区": "qu1", "翟": "di2", "覃": "tan2",
    "朴": "pu3", "缪": "mou4", "薄": "bao2", "秘": "mi4", "种": "zhong3", "员": "yuan2", "能": "neng2", "乐": "le4",
    "都": "dou1", "隗": "kui2", "盖": "gai4", "繁": "fan2", "祭": "ji4", "洗": "xi3", "郇": "huan2", "句": "ju4",
    "阚": "han3", "佴": "er4", "黑": "hei1", "牟": "mu4", "谌": "shen4", "盛": "cheng2", "车": "ju1", "宓": "fu2",
    "郗": "chi1", "折": "zhe2", "召": "zhao4", "长": "chang2", "尉": "yu4", "晁": "zhao4", "石": "dan4", "贾": "gu3",
}  # fmt: skip
"""A second reading of a surname, which some of its bearers use or clerks type: the search finds a person by either."""

OTHER_NAME_READINGS: Final[dict[str, str]] = {
    "乐": "yue4", "茜": "xi1", "晟": "cheng2", "行": "hang2", "莘": "xin1", "朝": "zhao1", "重": "zhong4", "单": "shan4",
    "长": "zhang3", "曾": "zeng1", "华": "hua2", "娜": "nuo2", "柏": "bo2", "参": "shen1", "祭": "zhai4", "玥": "yao4",
}  # fmt: skip
"""A second reading of a character in a given name."""

PLACE_READINGS: Final[dict[str, tuple[str, ...]]] = {
    "重庆": ("chong2", "qing4"), "郫县": ("pi2", "xian4"), "筠连": ("jun1", "lian2"), "荥经": ("ying2", "jing1"),
    "荥阳": ("xing2", "yang2"), "什邡": ("shi2", "fang1"), "犍为": ("qian2", "wei2"), "会理": ("hui4", "li3"),
    "浚县": ("xun4", "xian4"), "单县": ("shan4", "xian4"), "任县": ("ren2", "xian4"), "解州": ("xie4", "zhou1"),
    "六合": ("lu4", "he2"), "六安": ("lu4", "an1"), "东阿": ("dong1", "e1"), "大埔": ("da4", "bu4"), "黄埔": ("huang2", "pu3"),
    "费县": ("fei4", "xian4"), "歙县": ("she4", "xian4"), "黟县": ("yi1", "xian4"), "盱眙": ("xu1", "yi2"),
    "吴堡": ("wu2", "bu3"), "宕昌": ("tan4", "chang1"), "巴音郭楞": ("ba1", "yin1", "guo1", "leng2"),
}  # fmt: skip
"""Places whose reading a dictionary of phrases misses or gets wrong."""

NAME_READINGS: Final[dict[str, str]] = {"卜": "bu3", "晟": "sheng4", "长": "chang2", "翟": "zhai2"}
"""Characters that anywhere in a name read otherwise than a dictionary's first reading."""

COMPOUND_SURNAMES: Final[dict[str, tuple[str, str]]] = {
    "欧阳": ("ou1", "yang2"), "太史": ("tai4", "shi3"), "端木": ("duan1", "mu4"), "上官": ("shang4", "guan1"),
    "司马": ("si1", "ma3"), "东方": ("dong1", "fang1"), "独孤": ("du2", "gu1"), "南宫": ("nan2", "gong1"),
    "万俟": ("mo4", "qi2"), "闻人": ("wen2", "ren2"), "夏侯": ("xia4", "hou2"), "诸葛": ("zhu1", "ge3"),
    "尉迟": ("yu4", "chi2"), "公羊": ("gong1", "yang2"), "赫连": ("he4", "lian2"), "澹台": ("tan2", "tai2"),
    "皇甫": ("huang2", "fu3"), "宗政": ("zong1", "zheng4"), "濮阳": ("pu2", "yang2"), "公冶": ("gong1", "ye3"),
    "太叔": ("tai4", "shu1"), "申屠": ("shen1", "tu2"), "公孙": ("gong1", "sun1"), "慕容": ("mu4", "rong2"),
    "仲孙": ("zhong4", "sun1"), "钟离": ("zhong1", "li2"), "长孙": ("zhang3", "sun1"), "宇文": ("yu3", "wen2"),
    "司徒": ("si1", "tu2"), "鲜于": ("xian1", "yu2"), "司空": ("si1", "kong1"), "闾丘": ("lv2", "qiu1"),
    "子车": ("zi3", "ju1"), "亓官": ("qi2", "guan1"), "司寇": ("si1", "kou4"), "巫马": ("wu1", "ma3"),
    "公西": ("gong1", "xi1"), "颛孙": ("zhuan1", "sun1"), "壤驷": ("rang3", "si4"), "公良": ("gong1", "liang2"),
    "漆雕": ("qi1", "diao1"), "乐正": ("yue4", "zheng4"), "宰父": ("zai3", "fu3"), "谷梁": ("gu3", "liang2"),
    "拓跋": ("tuo4", "ba2"), "夹谷": ("jia2", "gu3"), "轩辕": ("xuan1", "yuan2"), "令狐": ("ling2", "hu2"),
    "段干": ("duan4", "gan1"), "百里": ("bai3", "li3"), "呼延": ("hu1", "yan2"), "东郭": ("dong1", "guo1"),
    "南门": ("nan2", "men2"), "羊舌": ("yang2", "she2"), "微生": ("wei1", "sheng1"), "梁丘": ("liang2", "qiu1"),
    "左丘": ("zuo3", "qiu1"), "东门": ("dong1", "men2"), "西门": ("xi1", "men2"), "第五": ("di4", "wu3"),
    "淳于": ("chun2", "yu2"), "单于": ("chan2", "yu2"), "完颜": ("wan2", "yan2"), "纳兰": ("na4", "lan2"),
    "叶赫": ("ye4", "he4"), "那拉": ("na4", "la1"), "即墨": ("ji2", "mo4"), "贺兰": ("he4", "lan2"),
}  # fmt: skip


def surname_length(name: str) -> int:
    """Characters of the surname (姓) of a Chinese name: 2 for a compound surname with a given name after it, else 1."""
    return 2 if len(name) > 2 and name[:2] in COMPOUND_SURNAMES else 1
