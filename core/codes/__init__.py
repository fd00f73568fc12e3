"""Code lists (代码表) of the forms: national standards, the unions' forms, and the project's own."""

from core.codes.loader import CodeItem, CodeList, code_from_label, code_list, code_list_names, label, labels

__all__ = ["CodeItem", "CodeList", "code_from_label", "code_list", "code_list_names", "label", "labels"]
