// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.records;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.saeflow.schemas.feature.Example;
import io.saeflow.schemas.feature.FloatList;
import io.saeflow.sinks.files.JsonBytes;
import java.nio.charset.StandardCharsets;

/**
 * The arrays of an example's window as JSON, which are nearly all that viewers' files hold. For one
 * thread.
 */
public final class WindowJson {
  private static final String ZERO = "0.0,";

  /** As many as a window usually has. */
  private static final int MOST_ZEROS = 64;

  /** Most values are zero, and many beside each other. */
  private static final byte[] ZEROS = ZERO.repeat(MOST_ZEROS).getBytes(StandardCharsets.US_ASCII);

  private final TokenElements texts;
  private final TokenElements ids;

  public WindowJson(TokenText text) {
    this.texts =
        new TokenElements(
            (json, token) -> {
              json.append("\"");
              json.append(JsonStringEncoder.getInstance().quoteAsUTF8(text.text(token)));
              json.append("\"");
            });
    this.ids = new TokenElements(JsonBytes::appendNumber);
  }

  /** Appends an array of the tokens' texts. */
  public void appendTexts(JsonBytes json, Example example) {
    texts.appendArray(json, example.getTokens());
  }

  /** Appends an array of the tokens' ids. */
  public void appendIds(JsonBytes json, Example example) {
    ids.appendArray(json, example.getTokens());
  }

  /** Appends an array of the feature's values. */
  public void appendActivations(JsonBytes json, Example example) {
    FloatList activations = FloatList.of(example.getActivations());
    json.append("[");
    int i = 0;
    while (i < activations.size()) {
      int zeros = zeros(activations, i);
      json.append(ZEROS, zeros * ZERO.length());
      i += zeros;
      if (zeros == 0) {
        json.appendNumber(activations.at(i));
        json.append(",");
        i++;
      }
    }
    json.endArray();
  }

  /** How many zeros there are from one place on; not more than are ready. */
  private static int zeros(FloatList activations, int from) {
    int to = Math.min(activations.size(), from + MOST_ZEROS);
    int i = from;
    while (i < to && Float.floatToRawIntBits(activations.at(i)) == 0) {
      i++;
    }
    return i - from;
  }
}
