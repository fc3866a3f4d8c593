// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** GPT-2's pair of tokenizer files, written as the one file of newer tokenizers. */
final class ByteLevelBpe {
  private static final String END_OF_TEXT = "<|endoftext|>";

  private ByteLevelBpe() {}

  /**
   * The content of the {@code tokenizer.json} that means the same as the two files.
   *
   * @param vocabulary token to id
   * @param vocabularyFile where it was read, for error messages
   * @param merges pairs of tokens by falling priority, one a line, after a line with the version
   * @throws CorpusException if a file is not what it should be
   */
  static JsonNode tokenizerJson(JsonNode vocabulary, Path vocabularyFile, Path merges)
      throws CorpusException {
    requireVocabulary(vocabulary, vocabularyFile);
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("version", "1.0");
    ArrayNode added = json.putArray("added_tokens");
    if (vocabulary.has(END_OF_TEXT)) {
      added
          .addObject()
          .put("id", vocabulary.get(END_OF_TEXT).asInt())
          .put("content", END_OF_TEXT)
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
    json.set("pre_tokenizer", byteLevel());
    json.set("decoder", byteLevel());
    ObjectNode model = json.putObject("model");
    model.put("type", "BPE");
    model.put("continuing_subword_prefix", "");
    model.put("end_of_word_suffix", "");
    model.put("fuse_unk", false);
    model.set("vocab", vocabulary);
    model.set("merges", merges(vocabulary, merges));
    return json;
  }

  private static ObjectNode byteLevel() {
    return JsonNodeFactory.instance
        .objectNode()
        .put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", true);
  }

  private static void requireVocabulary(JsonNode vocabulary, Path file) throws CorpusException {
    if (!vocabulary.isObject() || vocabulary.isEmpty()) {
      throw new CorpusException(
          "%s: not a vocabulary (expected: an object of token to id)".formatted(file));
    }
    for (var entry : vocabulary.properties()) {
      if (!entry.getValue().canConvertToInt() || entry.getValue().asInt() < 0) {
        throw new CorpusException(
            "%s: token '%s' has id %s (expected: an integer >= 0)"
                .formatted(file, entry.getKey(), entry.getValue()));
      }
    }
  }

  private static ArrayNode merges(JsonNode vocabulary, Path file) throws CorpusException {
    List<String> lines;
    try {
      lines = Files.readAllLines(file);
    } catch (IOException e) {
      throw new CorpusException("%s: cannot be read: %s".formatted(file, e), e);
    }
    ArrayNode merges = JsonNodeFactory.instance.arrayNode();
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      // Only the first line can be the version: "# #" further down is a pair like any other.
      if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
        continue;
      }
      String[] pair = line.split(" ", -1);
      if (pair.length != 2) {
        throw new CorpusException(
            "%s, line %d: '%s' (expected: two tokens with one space)".formatted(file, i + 1, line));
      }
      for (String token : List.of(pair[0], pair[1], pair[0] + pair[1])) {
        if (!vocabulary.has(token)) {
          throw new CorpusException(
              "%s, line %d: token '%s' (expected: in the vocabulary)"
                  .formatted(file, i + 1, token));
        }
      }
      merges.add(line);
    }
    return merges;
  }
}
