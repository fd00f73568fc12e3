"""Printing forms: PDF through typst, .docx through docxtpl, with fonts that hold every character of a household register.

General on purpose: a form is a declaration (`core.printing.forms`), its values are plain data; who may print what, and what is
masked, is the business of the part whose form it is.
"""
