"""What people look at: style, figures, source listings. Imported by notebooks, the runner and the command line."""
