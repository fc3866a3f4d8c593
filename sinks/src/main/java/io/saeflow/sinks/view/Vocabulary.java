// SPDX-License-Identifier: Apache-2.0
package io.saeflow.sinks.view;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/** The tokens' texts. */
final class Vocabulary {
  private final List<String> texts = new ArrayList<>();
  private final List<String> lowerCase = new ArrayList<>();

  private Vocabulary() {}

  /** Reads a JSON array of texts by id. */
  static Vocabulary read(Path file) throws IOException {
    Vocabulary vocabulary = new Vocabulary();
    for (JsonNode text : Json.READER.readTree(Files.readAllBytes(file))) {
      vocabulary.texts.add(text.asText());
      vocabulary.lowerCase.add(text.asText().toLowerCase(Locale.ROOT));
    }
    return vocabulary;
  }

  /** A token's text; its number in brackets if it has none. */
  String text(int token) {
    return token >= 0 && token < texts.size() ? texts.get(token) : "[" + token + "]";
  }

  /** The tokens whose text contains {@code part}, whatever the case of either. */
  BitSet containing(String part) {
    String wanted = part.toLowerCase(Locale.ROOT);
    BitSet found = new BitSet();
    for (int id = 0; id < lowerCase.size(); id++) {
      found.set(id, lowerCase.get(id).contains(wanted));
    }
    return found;
  }
}
