"""The tables that code writes into pages, by their names: what needs neither Sphinx nor a built book."""

from binding import lectures, paper_map, reference_tables

WRITERS = {
    "paper-map": paper_map.paper_map,
    "sessions": lectures.sessions_table,
    "exercises": lectures.exercises_table,
    "presets": reference_tables.presets_table,
    "runs": reference_tables.runs_table,
    "references": reference_tables.references_table,
}
