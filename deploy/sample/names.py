"""Invented personal names: common, compound and easily misread surnames, and names with an interpunct."""

from deploy.sample.chance import Stream


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COMMON = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈彭"
    "吕苏卢蒋蔡贾丁魏薛叶余潘杜戴夏钟汪田姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦"
    "江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_MISREAD = "单解仇曾查盖朴覃区尉乐缪翟任华洗"
_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "令狐", "尉迟", "皇甫", "夏侯", "东方", "慕容")
_MALE = _words(
    "建国 志强 国庆 永福 明辉 小军 德贵 开富 长江 朝阳 文斌 光荣 天佑 成林 "
    "立新 家兴 俊杰 浩然 子轩 宇航 思源 学文 正华 世平 兴旺 富贵 海波 春生 "
    "大勇 祥 伟 强 磊 洋 勇 斌 鹏 涛 杰 刚 平 辉 "
    "峰 翀 骉 淼 喆 昊 晟 毅"
)
_FEMALE = _words(
    "秀英 桂芳 素华 淑珍 玉兰 晓梅 丽娟 春燕 红霞 雪莲 成秀 光碧 代芬 天琼 "
    "思雨 梓涵 雨桐 诗涵 佳怡 静怡 文静 小凤 永芳 国英 开碧 明芬 世琼 兴珍 "
    "朝菊 芳 敏 静 丽 娟 艳 霞 燕 玲 琴 英 萍 红 "
    "莉 颖 婷 媛 曌 垚 懿"
)
_MINORITY_MALE = {
    "彝族": ("吉克·拉铁", "阿木·尔布", "沙马·木果", "曲比·子且", "阿苦·伍呷", "海来·石布"),
    "藏族": ("扎西·多吉", "罗布·次仁", "格桑·旺堆", "泽仁·邓珠", "降央·彭措", "洛绒·益西"),
    "羌族": ("余·纳吉", "木比·释迦", "热巴·尔玛", "龙·沃布"),
}
_MINORITY_FEMALE = {
    "彝族": ("吉克·阿依", "阿木·有作", "沙马·尔扎", "曲比·阿果", "阿苦·伍牛", "海来·木乃"),
    "藏族": ("卓玛·央金", "次仁·拉姆", "格桑·曲珍", "泽仁·志玛", "德吉·白玛", "洛绒·拥忠"),
    "羌族": ("余·茸芝", "木姐·珠朵", "热巴·依娜", "龙·云朵"),
}
_ETHNIC = (
    ("汉族", 925),
    ("彝族", 22),
    ("藏族", 18),
    ("羌族", 10),
    ("回族", 10),
    ("土家族", 6),
    ("苗族", 6),
    ("蒙古族", 3),
)


def surname(chance: Stream) -> str:
    """A family name; about one in twelve is compound or has an unusual reading."""
    if chance.happens(4):
        return chance.choice(_COMPOUND)
    if chance.happens(6):
        return chance.choice(_MISREAD)
    return chance.choice(_COMMON)


def family_of(name: str, chance: Stream) -> str:
    """The family name a child takes from a parent's full name; a new one where the name has an interpunct."""
    if "·" in name:
        return surname(chance)
    return name[:2] if name[:2] in _COMPOUND else name[0]


def ethnic_group(chance: Stream) -> str:
    """民族 of a household, as the form writes it."""
    return chance.weighted(_ETHNIC)


def full_name(chance: Stream, family: str, ethnic: str, *, male: bool) -> str:
    """A name; minority names may carry an interpunct (·) instead of the family name."""
    pool = (_MINORITY_MALE if male else _MINORITY_FEMALE).get(ethnic)
    if pool and chance.happens(75):
        return chance.choice(pool)
    return family + chance.choice(_MALE if male else _FEMALE)
