// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.verify;

import static io.saeflow.sinks.verify.UnsoundFileException.require;

import com.fasterxml.jackson.databind.JsonNode;
import io.saeflow.sinks.verify.FeatureRules.Window;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;

/** A feature's NeuronRecord. */
final class NeuronRecordCheck implements FeatureFileCheck {
  private static final Set<String> FIELDS =
      Set.of(
          "dataclass_name",
          "neuron_id",
          "random_sample",
          "random_sample_by_quantile",
          "quantile_boundaries",
          "mean",
          "variance",
          "skewness",
          "kurtosis",
          "most_positive_activation_records");
  private static final Set<String> ID_FIELDS =
      Set.of("dataclass_name", "layer_index", "neuron_index");
  private static final Set<String> RECORD_FIELDS =
      Set.of("dataclass_name", "tokens", "activations");
  private static final int LISTS = 4;

  private final FeatureRules rules;
  private final int layer;

  NeuronRecordCheck(FeatureRules rules, int layer) {
    this.rules = rules;
    this.layer = layer;
  }

  @Override
  public void check(int latent, JsonNode file, FeatureFacts facts) throws UnsoundFileException {
    JsonFields record = JsonFields.of("", file, FIELDS);
    requireClass(record, "NeuronRecord");
    requireId(record, latent);
    requireMoments(record);
    String top = "most_positive_activation_records";
    List<Window> strongest = windows(top, record.elements(top));
    List<Window> sample = windows("random_sample", record.elements("random_sample"));
    long active = facts.active(latent);
    if (active < 0) {
      // No other file says how often it fired, so only what is here can be compared.
      active = Math.max(strongest.size(), sample.size());
    }
    rules.requireTop(strongest, active);
    rules.requireRandom(sample, active);
    if (!strongest.isEmpty()) {
      facts.largest(latent, strongest.get(0).activation());
    }
    requireQuantiles(record, sample);
  }

  private void requireId(JsonFields record, int latent) throws UnsoundFileException {
    JsonFields id = JsonFields.of("neuron_id: ", record.get("neuron_id"), ID_FIELDS);
    requireClass(id, "NeuronId");
    require(
        id.integer("layer_index") == layer && id.integer("neuron_index") == latent,
        "neuron_id: layer %s, neuron %s (expected: layer %d, neuron %d)",
        id.get("layer_index"),
        id.get("neuron_index"),
        layer,
        latent);
  }

  private static void requireMoments(JsonFields record) throws UnsoundFileException {
    record.numberOrNull("mean");
    record.numberOrNull("skewness");
    record.numberOrNull("kurtosis");
    double variance = record.numberOrNull("variance");
    require(!(variance < 0), "variance %s (expected: at least 0)", variance);
  }

  /** The sample again, by its maxima. */
  private static void requireQuantiles(JsonFields record, List<Window> sample)
      throws UnsoundFileException {
    String field = "random_sample_by_quantile";
    JsonNode lists = record.elements(field);
    require(lists.size() == LISTS, "%s: %d lists (expected: %d)", field, lists.size(), LISTS);
    List<Float> ascending = new ArrayList<>();
    for (JsonNode list : lists) {
      require(list.isArray(), "%s: %s (expected: a list)", field, list.getNodeType());
      windows(field, list).forEach(window -> ascending.add(window.largest()));
    }
    List<Float> expected = new ArrayList<>();
    sample.forEach(window -> expected.add(window.largest()));
    Collections.sort(expected);
    require(
        ascending.equals(expected),
        "%s: maxima %s (expected: %s, those of random_sample, ascending)",
        field,
        ascending,
        expected);
    if (sample.isEmpty()) {
      require(
          record.isNull("quantile_boundaries"),
          "quantile_boundaries %s (expected: null without a sample)",
          record.get("quantile_boundaries").getNodeType());
      return;
    }
    List<Float> boundaries = record.floats("quantile_boundaries");
    require(
        boundaries.size() == LISTS && expected.containsAll(boundaries) && isAscending(boundaries),
        "quantile_boundaries %s (expected: %d maxima of random_sample, ascending)",
        boundaries,
        LISTS);
  }

  private static boolean isAscending(List<Float> values) {
    List<Float> sorted = new ArrayList<>(values);
    Collections.sort(sorted);
    return sorted.equals(values);
  }

  /** Where in its window a record fired is not said: it is taken to be at the first maximum. */
  private static List<Window> windows(String field, JsonNode list) throws UnsoundFileException {
    List<Window> windows = new ArrayList<>();
    for (JsonNode element : list) {
      JsonFields record =
          JsonFields.of("%s %d: ".formatted(field, windows.size()), element, RECORD_FIELDS);
      requireClass(record, "ActivationRecord");
      List<Float> activations = record.floats("activations");
      require(
          !activations.isEmpty(), "%s %d: no activations (expected: some)", field, windows.size());
      float largest = Collections.max(activations);
      windows.add(
          new Window(activations.indexOf(largest), largest, activations, record.texts("tokens")));
    }
    return windows;
  }

  private static void requireClass(JsonFields object, String name) throws UnsoundFileException {
    require(
        object.text("dataclass_name").equals(name),
        "dataclass_name '%s' (expected: '%s')",
        object.text("dataclass_name"),
        name);
  }
}
