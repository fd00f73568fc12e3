"""Who may do what: one table computed from the declarations, tried cell by cell, driven through the application, printed."""
