// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.neuronrecord;

import com.fasterxml.jackson.core.JsonGenerator;
import io.saeflow.schemas.Topics;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.schemas.hook.HookPoint;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonBytes;
import io.saeflow.sinks.files.JsonFile;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.FeatureSink;
import io.saeflow.sinks.records.TokenText;
import io.saeflow.sinks.records.WindowJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Writes {@code neuron-records/<sae id>/collated_activations/<layer>/<latent>.json}, one file a
 * feature, dead ones too. The loader refuses keys that it does not know, so there are no others.
 *
 * <ul>
 *   <li>{@code mean}, {@code variance}, {@code skewness}, {@code kurtosis}: over all tokens, about
 *       the mean; kurtosis is 3 for a normal distribution. Null where undefined, or where a
 *       variance below a millionth of E[a²] leaves skewness and kurtosis to rounding.
 *   <li>{@code most_positive_activation_records}: the top sequences' windows, best first.
 *   <li>{@code random_sample}: the windows of the random firings, by sequence, then position.
 *   <li>{@code random_sample_by_quantile}: these windows again, ascending by their maximum, cut at
 *       ranks 0.5, 0.9 and 0.99 into four lists, which may be empty.
 *   <li>{@code quantile_boundaries}: the 0.5, 0.9, 0.99 and 0.999 quantiles of these maxima: the
 *       value at rank {@code floor(q * n)} of n, from 0. Null without a sample.
 * </ul>
 */
public final class NeuronRecordSink implements FeatureSink {
  /** Ranks, in thousandths, that begin the lists after the first. */
  private static final int[] CUTS = {500, 900, 990};

  /** Quantiles, in thousandths, that the viewer names. */
  private static final int[] BOUNDARIES = {500, 900, 990, 999};

  private final Path folder;
  private final int layer;
  private final WindowJson window;

  /** The windows of the record that is written, each once. */
  private final JsonBytes bytes = new JsonBytes();

  /**
   * @param sae the autoencoder's id
   * @param hook where it reads; its layer becomes part of the path and the record
   * @throws IllegalArgumentException if {@code sae} is not an id
   */
  public NeuronRecordSink(OutputFolder out, String sae, HookPoint hook, TokenText text) {
    this.folder = out.resolve(folder(sae, hook));
    this.layer = hook.layer();
    this.window = new WindowJson(text);
  }

  /**
   * Where the files go, relative to the output folder.
   *
   * @throws IllegalArgumentException if {@code sae} is not an id
   */
  public static String folder(String sae, HookPoint hook) {
    return "neuron-records/%s/collated_activations/%d"
        .formatted(Topics.requireSaeId(sae), hook.layer());
  }

  @Override
  public void write(FeatureRecord record) throws IOException {
    JsonFile.write(
        folder.resolve(record.getLatent() + ".json"),
        Durability.BUFFERED,
        JsonFile.Layout.COMPACT,
        json -> write(json, record));
  }

  private void write(JsonGenerator json, FeatureRecord record) throws IOException {
    CentralMoments moments = CentralMoments.of(record);
    bytes.clear();
    List<Window> random = windows(record.getRandom());
    List<Window> ascending =
        random.stream().sorted(Comparator.comparingDouble(Window::maximum)).toList();
    json.writeStartObject();
    json.writeStringField("dataclass_name", "NeuronRecord");
    json.writeObjectFieldStart("neuron_id");
    json.writeStringField("dataclass_name", "NeuronId");
    json.writeNumberField("layer_index", layer);
    json.writeNumberField("neuron_index", record.getLatent());
    json.writeEndObject();
    json.writeFieldName("random_sample");
    writeAll(json, random);
    json.writeArrayFieldStart("random_sample_by_quantile");
    int from = 0;
    for (int cut : CUTS) {
      int to = rank(cut, ascending.size());
      writeAll(json, ascending.subList(from, to));
      from = to;
    }
    writeAll(json, ascending.subList(from, ascending.size()));
    json.writeEndArray();
    writeBoundaries(json, ascending);
    JsonFile.writeFiniteOrNull(json, "mean", moments.mean());
    JsonFile.writeFiniteOrNull(json, "variance", moments.variance());
    JsonFile.writeFiniteOrNull(json, "skewness", moments.skewness());
    JsonFile.writeFiniteOrNull(json, "kurtosis", moments.kurtosis());
    json.writeFieldName("most_positive_activation_records");
    writeAll(json, windows(record.getTop()));
    json.writeEndObject();
  }

  private static void writeBoundaries(JsonGenerator json, List<Window> ascending)
      throws IOException {
    json.writeFieldName("quantile_boundaries");
    if (ascending.isEmpty()) {
      json.writeNull();
      return;
    }
    json.writeStartArray();
    for (int boundary : BOUNDARIES) {
      json.writeNumber(ascending.get(rank(boundary, ascending.size())).maximum());
    }
    json.writeEndArray();
  }

  private void writeAll(JsonGenerator json, List<Window> windows) throws IOException {
    json.writeStartArray();
    for (Window one : windows) {
      JsonFile.writeBytes(json, bytes, one.from, one.to);
    }
    json.writeEndArray();
  }

  /** Makes JSON of examples' windows. */
  private List<Window> windows(List<Example> examples) {
    List<Window> windows = new ArrayList<>();
    for (Example example : examples) {
      int from = bytes.size();
      bytes.append("{\"dataclass_name\":\"ActivationRecord\",\"tokens\":");
      window.appendTexts(bytes, example);
      bytes.append(",\"activations\":");
      window.appendActivations(bytes, example);
      bytes.append("}");
      windows.add(new Window(from, bytes.size(), maximum(example)));
    }
    return windows;
  }

  /** A window as JSON, at {@code [from, to)} of the record's bytes, and what it is ranked by. */
  private record Window(int from, int to, float maximum) {}

  private static int rank(int thousandths, int size) {
    return (int) ((long) thousandths * size / 1000);
  }

  private static float maximum(Example example) {
    FloatList activations = FloatList.of(example.getActivations());
    float maximum = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < activations.size(); i++) {
      maximum = Math.max(maximum, activations.at(i));
    }
    return maximum;
  }
}
