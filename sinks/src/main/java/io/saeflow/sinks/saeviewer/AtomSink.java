// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.saeviewer;

import com.fasterxml.jackson.core.JsonGenerator;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.sinks.files.Durability;
import io.saeflow.sinks.files.JsonFile;
import io.saeflow.sinks.files.OutputFolder;
import io.saeflow.sinks.records.FeatureSink;
import io.saeflow.sinks.records.TokenStrings;
import io.saeflow.sinks.records.TokenText;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes {@code sae-viewer/<subject>/<sae path>/atoms/<latent>.json}, one file a feature, dead ones
 * too.
 *
 * <p>Moments are about zero and over all tokens: {@code mean_act} is E[a], {@code mean_act_squared}
 * E[a²], {@code skew} E[a³] / E[a²]^1.5, {@code kurtosis} E[a⁴] / E[a²]². Each is null where it is
 * undefined; {@code density} is then 0. {@code hist} counts values above zero only, in bins {@code
 * ceil(a / 0.2)}. A sequence's {@code density} is the share of its window's tokens above zero.
 */
public final class AtomSink implements FeatureSink {
  private final Path folder;
  private final TokenStrings tokens;

  /**
   * @param subject the model's name in the viewer
   * @param saePath the autoencoder's path under the subject
   * @throws IllegalArgumentException if these cannot be paths below {@code out}
   */
  public AtomSink(OutputFolder out, String subject, String saePath, TokenText text) {
    this.folder = out.resolve(folder(subject, saePath));
    this.tokens = new TokenStrings(text);
  }

  /**
   * Where the files go, relative to the output folder.
   *
   * @throws IllegalArgumentException if the arguments cannot be relative paths
   */
  public static String folder(String subject, String saePath) {
    return "sae-viewer/%s/%s/atoms"
        .formatted(
            OutputFolder.requireRelative("subject", subject),
            OutputFolder.requireRelative("SAE path", saePath));
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
    double tokens = record.getTokens();
    // 0 / 0 without tokens makes every moment NaN, hence null.
    double meanSquare = record.getSum2() / tokens;
    double skew = record.getSum3() / tokens / Math.pow(meanSquare, 1.5);
    double kurtosis = record.getSum4() / tokens / (meanSquare * meanSquare);
    json.writeStartObject();
    json.writeNumberField("density", record.getTokens() == 0 ? 0.0 : record.getActive() / tokens);
    JsonFile.writeFiniteOrNull(json, "mean_act", record.getSum1() / tokens);
    JsonFile.writeFiniteOrNull(json, "mean_act_squared", meanSquare);
    JsonFile.writeFiniteOrNull(json, "skew", skew);
    JsonFile.writeFiniteOrNull(json, "kurtosis", kurtosis);
    json.writeObjectFieldStart("hist");
    for (int i = 0; i < record.getHistogramBins().size(); i++) {
      json.writeNumberField(
          Integer.toString(record.getHistogramBins().get(i)), record.getHistogramCounts().get(i));
    }
    json.writeEndObject();
    writeSequences(json, "random", record.getRandom());
    writeSequences(json, "top", record.getTop());
    json.writeEndObject();
  }

  private void writeSequences(JsonGenerator json, String field, List<Example> examples)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (Example example : examples) {
      int active = 0;
      for (float activation : example.getActivations()) {
        active += activation > 0 ? 1 : 0;
      }
      json.writeStartObject();
      json.writeNumberField("density", (double) active / example.getActivations().size());
      json.writeNumberField("doc_id", example.getDocument());
      json.writeNumberField("idx", example.getPosition() - example.getWindowStart());
      json.writeNumberField("act", example.getActivation());
      json.writeArrayFieldStart("acts");
      for (float activation : example.getActivations()) {
        JsonFile.writeFloat(json, activation);
      }
      json.writeEndArray();
      json.writeArrayFieldStart("tokens");
      for (int token : example.getTokens()) {
        json.writeString(tokens.of(token));
      }
      json.writeEndArray();
      json.writeArrayFieldStart("token_ints");
      for (int token : example.getTokens()) {
        json.writeNumber(token);
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    json.writeEndArray();
  }
}
