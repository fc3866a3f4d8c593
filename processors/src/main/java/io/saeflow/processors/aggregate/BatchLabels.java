// SPDX-License-Identifier: Apache-2.0
package io.saeflow.processors.aggregate;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.stream.MalformedMessageException;
import io.saeflow.schemas.stream.TokenBatch;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The label values of a batch's documents, and which tokens have them. */
final class BatchLabels {
  private static final JsonFactory JSON = new JsonFactory();

  private final List<LabelField> fields;
  private final int tokens;
  private final List<Stretch> stretches;

  /**
   * Tokens {@code [from, to)} of the batch.
   *
   * @param values one a field, null where the document has none
   */
  private record Stretch(int from, int to, @Nullable LabelValue[] values) {}

  private BatchLabels(List<LabelField> fields, int tokens, List<Stretch> stretches) {
    this.fields = fields;
    this.tokens = tokens;
    this.stretches = stretches;
  }

  /**
   * Reads each document's labels once.
   *
   * @throws MalformedMessageException if labels are no JSON object
   */
  static BatchLabels read(List<LabelField> fields, TokenBatch batch)
      throws MalformedMessageException {
    List<Stretch> stretches = new ArrayList<>();
    if (!fields.isEmpty()) {
      Map<String, @Nullable LabelValue[]> known = new HashMap<>();
      for (int row = 0; row < batch.sequences(); row++) {
        List<DocumentSpan> spans = batch.documents().get(row);
        int first = row * batch.contextLength();
        for (int s = 0; s < spans.size(); s++) {
          String labels = spans.get(s).labels();
          @Nullable LabelValue[] values = known.get(labels);
          if (values == null) {
            values = values(fields, labels);
            known.put(labels, values);
          }
          int end = s + 1 < spans.size() ? spans.get(s + 1).start() : batch.contextLength();
          stretches.add(new Stretch(first + spans.get(s).start(), first + end, values));
        }
      }
    }
    return new BatchLabels(fields, batch.tokens().length, stretches);
  }

  /** Adds the values and their tokens to {@code dictionary}. */
  void addTo(LabelDictionary dictionary) {
    for (Stretch stretch : stretches) {
      for (int f = 0; f < fields.size(); f++) {
        LabelValue value = stretch.values[f];
        if (value != null) {
          dictionary.add(f, value, stretch.to - stretch.from);
        }
      }
    }
  }

  /** For each field, the id of each token's value, or {@link LabelDictionary#NONE}. */
  int[][] ids(LabelDictionary dictionary) {
    int[][] ids = new int[fields.size()][tokens];
    for (int f = 0; f < fields.size(); f++) {
      Arrays.fill(ids[f], LabelDictionary.NONE);
      for (Stretch stretch : stretches) {
        LabelValue value = stretch.values[f];
        if (value != null) {
          Arrays.fill(ids[f], stretch.from, stretch.to, dictionary.id(f, value));
        }
      }
    }
    return ids;
  }

  private static @Nullable LabelValue[] values(List<LabelField> fields, String labels)
      throws MalformedMessageException {
    @Nullable LabelValue[] values = new @Nullable LabelValue[fields.size()];
    try (JsonParser json = JSON.createParser(labels)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new MalformedMessageException(
            "labels of a document: %s (expected: a JSON object)".formatted(shown(labels)));
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        JsonToken token = json.nextToken();
        LabelValue value = scalar(json, token);
        for (int f = 0; f < values.length; f++) {
          if (value != null && fields.get(f).field().equals(name)) {
            values[f] = fields.get(f).bin(value);
          }
        }
      }
      return values;
    } catch (JsonProcessingException e) {
      throw new MalformedMessageException(
          "labels of a document: %s (expected: a JSON object): %s"
              .formatted(shown(labels), e.getOriginalMessage()),
          e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Null if it is no text, number or truth value; it is skipped then. */
  private static @Nullable LabelValue scalar(JsonParser json, JsonToken token) throws IOException {
    if (token.isNumeric()) {
      return LabelValue.ofNumber(json.getText());
    }
    if (token == JsonToken.VALUE_STRING || token.isBoolean()) {
      return LabelValue.of(json.getText());
    }
    json.skipChildren();
    return null;
  }

  private static String shown(String labels) {
    return labels.length() <= 100 ? labels : labels.substring(0, 100) + "...";
  }
}
