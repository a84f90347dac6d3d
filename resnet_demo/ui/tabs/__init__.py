"""The page's tabs: widgets and short handlers. What is shown stands in `ui.html`, what is done in `workers`."""
