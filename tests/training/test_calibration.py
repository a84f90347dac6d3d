"""The temperature that makes a network as sure as it is right."""

import numpy as np
import pytest
import torch

from resnet_demo.runs.metrics import expected_calibration_error
from resnet_demo.training.calibration import calibrate, fit_temperature


def too_sure(classes: int = 10, images: int = 3000, factor: float = 3.0, seed: int = 0):
    """Logits whose true temperature is `factor`: labels are drawn by softmax(logits / factor)."""
    generator = torch.Generator().manual_seed(seed)
    logits = factor * torch.randn(images, classes, generator=generator, dtype=torch.float64)
    return logits, torch.multinomial((logits / factor).softmax(1), 1, generator=generator).flatten()


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_it_is_scikit_learns_temperature(factor):
    """CalibratedClassifierCV(method='temperature') takes decision_function's values for logits."""
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class GivenLogits(ClassifierMixin, BaseEstimator):
        def fit(self, logits, labels):
            self.classes_, self.n_features_in_ = np.unique(labels), logits.shape[1]
            return self

        def predict(self, logits):
            return self.classes_[logits.argmax(1)]

        def decision_function(self, logits):
            return logits

    logits, labels = too_sure(factor=factor)
    estimator = FrozenEstimator(GivenLogits().fit(logits.numpy(), labels.numpy()))
    oracle = CalibratedClassifierCV(estimator, method="temperature", ensemble=False)
    oracle.fit(logits.numpy(), labels.numpy())
    wanted = 1 / oracle.calibrated_classifiers_[0].calibrators[0].beta_
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(wanted, rel=1e-3)
    assert found == pytest.approx(factor, rel=0.1)
    ours = (logits / found).softmax(1).numpy()
    np.testing.assert_allclose(ours, oracle.predict_proba(logits.numpy()), atol=1e-3)


def test_no_other_temperature_has_a_smaller_loss():
    logits, labels = too_sure(classes=3, images=50)
    found = fit_temperature(logits, labels)
    losses = [
        torch.nn.functional.cross_entropy(logits / temperature, labels)
        for temperature in (found, 0.98 * found, 1.02 * found)
    ]
    assert min(losses) == losses[0]


def test_the_error_is_smaller_with_it_and_the_answers_stay():
    logits, labels = too_sure()
    found = calibrate(logits, labels)
    confidences, answers = logits.softmax(1).max(1)
    before = expected_calibration_error(confidences.numpy(), (answers == labels).numpy())
    assert found.images == 3000 and found.error_before == pytest.approx(before)
    assert found.error_after < 0.03 < 0.2 < found.error_before
    assert (logits / found.temperature).argmax(1).equal(answers)


def test_without_a_mistake_there_is_no_temperature():
    """The likelihood would grow for ever as it falls."""
    logits = torch.eye(4).repeat(5, 1)
    assert calibrate(logits, torch.arange(4).repeat(5)) is None
    assert calibrate(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)) is None


def test_answers_worse_than_chance_are_made_unsure():
    logits, labels = 5 * torch.eye(4), torch.tensor([1, 2, 3, 0])
    found = calibrate(logits, labels)
    assert (logits / found.temperature).softmax(1).max() < 0.3
