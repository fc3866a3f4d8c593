// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** Text to token ids and back, never over a network. Safe for use by several threads. */
public final class Tokenizer implements AutoCloseable {
  static {
    // The native library comes in a jar; without this the loader may look for another one online.
    if (System.getProperty("ai.djl.offline") == null) {
      System.setProperty("ai.djl.offline", "true");
    }
  }

  private static final ObjectMapper JSON = new ObjectMapper();

  /** Encoding adds nothing, cuts nothing and fills nothing: packing decides on all of that. */
  private static final Map<String, String> OPTIONS =
      Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false");

  /**
   * In characters. The library needs some 200 bytes for each of a text's tokens until it is done
   * with it, so long texts go to it in pieces.
   */
  private static final int PIECE_LENGTH = 1 << 20;

  private final HuggingFaceTokenizer tokenizer;
  private final int vocabularySize;
  private final List<Path> files;
  private final int pieceLength;

  private Tokenizer(
      HuggingFaceTokenizer tokenizer, int vocabularySize, List<Path> files, int pieceLength) {
    this.tokenizer = tokenizer;
    this.vocabularySize = vocabularySize;
    this.files = files;
    this.pieceLength = pieceLength;
  }

  /**
   * Opens the tokenizer of a model's directory: {@code tokenizer.json} if there is one, else
   * GPT-2's {@code vocab.json} and {@code merges.txt}.
   *
   * @throws CorpusException if there is neither, or it cannot be read
   */
  public static Tokenizer open(Path directory) throws CorpusException {
    return open(directory, PIECE_LENGTH);
  }

  static Tokenizer open(Path directory, int pieceLength) throws CorpusException {
    Path whole = directory.resolve("tokenizer.json");
    Path vocabulary = directory.resolve("vocab.json");
    Path merges = directory.resolve("merges.txt");
    if (Files.isRegularFile(whole)) {
      return open(readJson(whole), List.of(whole), pieceLength);
    }
    if (Files.isRegularFile(vocabulary) && Files.isRegularFile(merges)) {
      JsonNode json = ByteLevelBpe.tokenizerJson(readJson(vocabulary), vocabulary, merges);
      return open(json, List.of(vocabulary, merges), pieceLength);
    }
    throw new CorpusException(
        "%s: no tokenizer (expected: tokenizer.json, or vocab.json and merges.txt)"
            .formatted(directory));
  }

  /** The token ids of {@code text}; no special token is added, nothing is cut off. */
  public int[] encode(String text) {
    List<int[]> pieces = new ArrayList<>();
    int from = 0;
    while (from < text.length()) {
      int to =
          pieceLength < text.length() - from ? pieceEnd(text, from + pieceLength) : text.length();
      long[] ids = tokenizer.encode(text.substring(from, to)).getIds();
      pieces.add(Arrays.stream(ids).mapToInt(Math::toIntExact).toArray());
      from = to;
    }
    return pieces.stream().flatMapToInt(Arrays::stream).toArray();
  }

  /**
   * The text of {@code ids}, special tokens included; bytes that are not UTF-8 become U+FFFD.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public String decode(int... ids) {
    for (int id : ids) {
      if (id < 0 || id >= vocabularySize) {
        throw new IllegalArgumentException(
            "token id: %d (expected: below the vocabulary size %d)".formatted(id, vocabularySize));
      }
    }
    return tokenizer.decode(Arrays.stream(ids).asLongStream().toArray(), false);
  }

  /**
   * One token as text for people to read. A token that is a part of a character reads U+FFFD.
   *
   * @throws IllegalArgumentException if the id is not in the vocabulary
   */
  public String token(int id) {
    return decode(id);
  }

  /** One more than the highest token id. */
  public int vocabularySize() {
    return vocabularySize;
  }

  /** The files that it was read from. */
  public List<Path> files() {
    return files;
  }

  @Override
  public void close() {
    tokenizer.close();
  }

  /**
   * The end of a piece, at {@code from} or after it. GPT-2's pattern never puts the end of a word
   * and the white space after it into one token, and looks neither back nor across that place.
   */
  private static int pieceEnd(String text, int from) {
    for (int i = from; i < text.length(); i++) {
      char before = text.charAt(i - 1);
      char after = text.charAt(i);
      if (before > ' ' && before < 127 && (after == ' ' || after == '\n')) {
        return i;
      }
    }
    return text.length();
  }

  private static boolean isCutByGpt2sPattern(JsonNode json) {
    JsonNode preTokenizer = json.path("pre_tokenizer");
    boolean wholeWords = true;
    for (JsonNode token : json.path("added_tokens")) {
      wholeWords &=
          token.path("content").asText().chars().noneMatch(Character::isWhitespace)
              && !token.path("lstrip").asBoolean()
              && !token.path("rstrip").asBoolean()
              && !token.path("single_word").asBoolean();
    }
    return wholeWords
        && json.path("normalizer").isEmpty()
        && preTokenizer.path("type").asText().equals("ByteLevel")
        && !preTokenizer.path("add_prefix_space").asBoolean(true)
        && preTokenizer.path("use_regex").asBoolean(true);
  }

  private static Tokenizer open(JsonNode json, List<Path> files, int pieceLength)
      throws CorpusException {
    try {
      int vocabularySize = vocabularySize(json, files.get(0));
      return new Tokenizer(
          HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(JSON.writeValueAsBytes(json)), OPTIONS),
          vocabularySize,
          files,
          isCutByGpt2sPattern(json) ? pieceLength : Integer.MAX_VALUE);
    } catch (IOException | RuntimeException e) {
      throw new CorpusException(
          "%s: not a tokenizer: %s".formatted(files.get(0), e.getMessage()), e);
    }
  }

  private static int vocabularySize(JsonNode json, Path file) throws CorpusException {
    JsonNode vocabulary = json.path("model").path("vocab");
    List<Integer> ids = new ArrayList<>();
    if (vocabulary.isObject()) {
      vocabulary.forEach(id -> ids.add(id.asInt()));
    } else {
      // A unigram model lists its tokens in the order of their ids.
      ids.add(vocabulary.size() - 1);
    }
    json.path("added_tokens").forEach(token -> ids.add(token.path("id").asInt()));
    int size = ids.stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
    if (size < 1) {
      throw new CorpusException("%s: an empty vocabulary".formatted(file));
    }
    return size;
  }

  private static JsonNode readJson(Path file) throws CorpusException {
    try {
      return JSON.readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new CorpusException(
          "%s: not valid JSON: %s".formatted(file, e.getOriginalMessage()), e);
    } catch (IOException e) {
      throw new CorpusException("%s: cannot be read: %s".formatted(file, e), e);
    }
  }
}
