// SPDX-License-Identifier: Apache-2.0
package io.saeflow.compose.demo;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What the demo reads of one sae-viewer file. */
@JsonIgnoreProperties(ignoreUnknown = true)
record Atom(@JsonProperty("density") double density, @JsonProperty("top") List<Row> top) {
  Atom(double density, @Nullable List<Row> top) {
    this.density = density;
    this.top = top == null ? List.of() : List.copyOf(top);
  }

  /**
   * One example.
   *
   * @param idx the highlighted token's place in {@code tokens}
   * @param act the value there
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Row(
      @JsonProperty("idx") int idx,
      @JsonProperty("act") double act,
      @JsonProperty("tokens") List<String> tokens) {
    /** The whole word around the highlighted token, in lower case, or its punctuation. */
    String word() {
      return Words.around(tokens, idx);
    }

    /** The highlighted word between guillemets, with a few words on either side. */
    String context() {
      return Words.context(tokens, idx);
    }
  }
}
