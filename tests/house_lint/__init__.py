"""House rules (本项目代码规约) that no general checker knows; ``python -m tests.house_lint`` looks at the whole tree."""
