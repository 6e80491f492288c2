from grisq.experiments import selection


def test_seeds_and_runs_of_an_experiment_are_in_order(make_result):
    results = {("a", seed): make_result("a", seed, iou=0.5) for seed in (2, 0, 11)}
    results["b", 5] = make_result("b", 5, iou=0.5)
    assert selection.seeds_of(results, "a") == [0, 2, 11]
    assert [result.seed for result in selection.runs_of(results, "a")] == [0, 2, 11]
    assert selection.seeds_of(results, "c") == []


def test_committed_results_come_before_own_ones_and_only_of_the_same_data(make_result, tmp_path, monkeypatch):
    from grisq.experiments.results import save

    committed, own = tmp_path / "committed", tmp_path / "own"
    monkeypatch.setattr(selection, "RESULTS", committed)
    for folder, name in ((committed, "one"), (own, "two")):
        save(make_result(name, 0, iou=0.5), folder)
    assert list(selection.gather("test", "", own)) == [("one", 0)]
    assert selection.gather("test", "another", own) == {}
    monkeypatch.setattr(selection, "RESULTS", tmp_path / "nothing")
    assert list(selection.gather("test", "", own)) == [("two", 0)]
