// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.core.JsonGenerator;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FeatureRecord;
import io.saeflow.schemas.feature.LabelCounts;
import io.saeflow.sinks.files.JsonFile;
import java.io.IOException;
import java.util.List;

/**
 * One feature as the API shows it. Moments are about zero and over all tokens; what is undefined is
 * null.
 */
final class FeatureJson {
  private static final double BIN_WIDTH = 0.2;
  private static final int TOP_TOKENS = 20;

  private FeatureJson() {}

  static void write(
      JsonGenerator json, FeatureRecord record, FeatureIndex index, Vocabulary vocabulary)
      throws IOException {
    double tokens = record.getTokens();
    double meanSquare = record.getSum2() / tokens;
    json.writeStartObject();
    json.writeNumberField("index", record.getLatent());
    json.writeBooleanField("complete", record.getComplete());
    json.writeNumberField("tokens", record.getTokens());
    json.writeNumberField("active", record.getActive());
    json.writeNumberField("density", record.getTokens() == 0 ? 0.0 : record.getActive() / tokens);
    JsonFile.writeFiniteOrNull(json, "max", record.getMax());
    JsonFile.writeFiniteOrNull(json, "mean", record.getSum1() / tokens);
    JsonFile.writeFiniteOrNull(json, "meanSquare", meanSquare);
    JsonFile.writeFiniteOrNull(json, "skew", record.getSum3() / tokens / Math.pow(meanSquare, 1.5));
    JsonFile.writeFiniteOrNull(
        json, "kurtosis", record.getSum4() / tokens / (meanSquare * meanSquare));
    JsonFile.writeFiniteOrNull(json, "meanActive", record.getSum1() / record.getActive());
    json.writeObjectFieldStart("histogram");
    json.writeNumberField("binWidth", BIN_WIDTH);
    writeNumbers(json, "bins", record.getHistogramBins());
    writeNumbers(json, "counts", record.getHistogramCounts());
    json.writeEndObject();
    writeExamples(json, "top", record.getTop(), vocabulary);
    writeExamples(json, "random", record.getRandom(), vocabulary);
    json.writeArrayFieldStart("topTokens");
    for (TokenMeans.TokenMean token : TokenMeans.of(record).strongest(TOP_TOKENS)) {
      json.writeStartObject();
      json.writeStringField("token", vocabulary.text(token.token()));
      json.writeNumberField("id", token.token());
      JsonFile.writeFiniteOrNull(json, "mean", token.mean());
      json.writeNumberField("count", token.count());
      json.writeEndObject();
    }
    json.writeEndArray();
    writeLabels(json, record.getLabels());
    json.writeArrayFieldStart("history");
    for (FeatureIndex.Estimate estimate : index.history(record.getLatent())) {
      json.writeStartObject();
      json.writeNumberField("tokens", estimate.tokens());
      json.writeNumberField("density", estimate.density());
      JsonFile.writeFiniteOrNull(json, "mean", estimate.mean());
      json.writeEndObject();
    }
    json.writeEndArray();
    writeNeighbour(json, "previous", index, record.getLatent(), -1);
    writeNeighbour(json, "next", index, record.getLatent(), 1);
    json.writeEndObject();
  }

  private static void writeExamples(
      JsonGenerator json, String field, List<Example> examples, Vocabulary vocabulary)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (Example example : examples) {
      json.writeStartObject();
      json.writeNumberField("sequence", example.getSequence());
      json.writeNumberField("position", example.getPosition());
      json.writeNumberField("idx", example.getPosition() - example.getWindowStart());
      json.writeNumberField("windowStart", example.getWindowStart());
      json.writeNumberField("activation", example.getActivation());
      json.writeNumberField("document", example.getDocument());
      json.writeArrayFieldStart("tokens");
      for (int token : example.getTokens()) {
        json.writeString(vocabulary.text(token));
      }
      json.writeEndArray();
      json.writeArrayFieldStart("activations");
      for (float activation : example.getActivations()) {
        json.writeNumber(activation);
      }
      json.writeEndArray();
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeLabels(JsonGenerator json, List<LabelCounts> labels) throws IOException {
    json.writeArrayFieldStart("labels");
    for (LabelCounts counts : labels) {
      json.writeStartObject();
      json.writeStringField("field", counts.getField());
      if (counts.getBinWidth() == null) {
        json.writeNullField("binWidth");
      } else {
        json.writeNumberField("binWidth", counts.getBinWidth());
      }
      json.writeArrayFieldStart("values");
      for (String value : counts.getValues()) {
        json.writeString(value);
      }
      json.writeEndArray();
      writeNumbers(json, "active", counts.getActive());
      writeNumbers(json, "tokens", counts.getTokens());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private static void writeNeighbour(
      JsonGenerator json, String field, FeatureIndex index, int latent, int step)
      throws IOException {
    json.writeFieldName(field);
    json.writeObject(index.neighbour(latent, step).orElse(null));
  }

  private static void writeNumbers(JsonGenerator json, String field, List<? extends Number> numbers)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (Number number : numbers) {
      json.writeNumber(number.longValue());
    }
    json.writeEndArray();
  }
}
