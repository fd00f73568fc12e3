"""Pages and the HTTP interface (页面与接口)."""
