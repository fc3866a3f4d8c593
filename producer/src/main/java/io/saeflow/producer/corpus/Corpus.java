// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Files of text, in order: {@code .txt} is one document a file, {@code .jsonl} and {@code
 * .jsonl.gz} are one document a line.
 *
 * <p>Text is UTF-8; a byte order mark at a file's start is no part of it. Blank lines of a JSON
 * Lines file are passed over.
 */
public final class Corpus {
  /** Where JSON Lines corpora usually keep the text. */
  public static final String DEFAULT_TEXT_FIELD = "text";

  /** The longest document, or line of JSON, in bytes: it is held in memory several times over. */
  static final int MAX_DOCUMENT_BYTES = 64 << 20;

  private final List<Path> files;
  private final String textField;

  private Corpus(List<Path> files, String textField) {
    this.files = files;
    this.textField = textField;
  }

  /**
   * A corpus of {@code files}. They are not read yet.
   *
   * @param textField the field of a JSON line that holds the text
   * @throws CorpusException if there are none, one is not a readable file, or its kind is unknown
   */
  public static Corpus open(List<Path> files, String textField) throws CorpusException {
    if (files.isEmpty()) {
      throw new CorpusException("corpus: no files (expected: at least one)");
    }
    for (Path file : files) {
      TextKind.of(file);
      if (!Files.isRegularFile(file)) {
        throw new CorpusException(
            "%s: %s".formatted(file, Files.exists(file) ? "not a regular file" : "no such file"));
      }
      if (!Files.isReadable(file)) {
        throw new CorpusException("%s: not readable".formatted(file));
      }
    }
    return new Corpus(List.copyOf(files), textField);
  }

  /** The files, in order. */
  public List<Path> files() {
    return files;
  }

  /** Reads from the start. Each call reads anew; the caller closes the result. */
  public DocumentSource read() {
    return new DocumentReader(files, textField, MAX_DOCUMENT_BYTES);
  }

  /** What a file's name says of its content. */
  enum TextKind {
    TEXT,
    JSON_LINES,
    JSON_LINES_GZIP;

    static TextKind of(Path file) throws CorpusException {
      String name = file.toString().toLowerCase(Locale.ROOT);
      if (name.endsWith(".txt")) {
        return TEXT;
      }
      if (name.endsWith(".jsonl")) {
        return JSON_LINES;
      }
      if (name.endsWith(".jsonl.gz")) {
        return JSON_LINES_GZIP;
      }
      throw new CorpusException(
          "%s: unknown kind of text file (expected: .txt, .jsonl or .jsonl.gz)".formatted(file));
    }
  }
}
