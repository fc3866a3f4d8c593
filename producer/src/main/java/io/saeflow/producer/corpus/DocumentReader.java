// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import io.saeflow.schemas.stream.DocumentSpan;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.jspecify.annotations.Nullable;

/** Reads a corpus' files one after the other, holding one document at a time. */
final class DocumentReader implements DocumentSource {
  private static final int BUFFER_BYTES = 1 << 16;

  private final List<Path> files;
  private final JsonDocumentParser parser;
  private final int maxDocumentBytes;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private int nextFile;
  private long nextDocument;
  private @Nullable InputStream lines;
  private Path file = Path.of("");
  private long line;

  DocumentReader(List<Path> files, String textField, int maxDocumentBytes) {
    this.files = files;
    this.parser = new JsonDocumentParser(textField, maxDocumentBytes);
    this.maxDocumentBytes = maxDocumentBytes;
  }

  @Override
  public @Nullable Document next() throws CorpusException {
    while (true) {
      InputStream open = lines;
      if (open != null) {
        String text = nextLine(open);
        if (text == null) {
          close();
        } else if (!text.isBlank()) {
          return parser.parse(nextDocument++, text, place());
        }
      } else if (nextFile == files.size()) {
        return null;
      } else {
        file = files.get(nextFile++);
        line = 0;
        if (Corpus.TextKind.of(file) == Corpus.TextKind.TEXT) {
          return new Document(nextDocument++, wholeFile(), DocumentSpan.NO_LABELS);
        }
        lines = openLines();
      }
    }
  }

  @Override
  public void close() {
    InputStream open = lines;
    lines = null;
    if (open != null) {
      try {
        open.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private InputStream openLines() throws CorpusException {
    InputStream raw = null;
    try {
      raw = Files.newInputStream(file);
      boolean compressed = Corpus.TextKind.of(file) == Corpus.TextKind.JSON_LINES_GZIP;
      return new BufferedInputStream(
          compressed ? new GZIPInputStream(raw, BUFFER_BYTES) : raw, BUFFER_BYTES);
    } catch (IOException e) {
      try {
        if (raw != null) {
          raw.close();
        }
      } catch (IOException suppressed) {
        e.addSuppressed(suppressed);
      }
      throw unreadable(e);
    }
  }

  private String wholeFile() throws CorpusException {
    try (InputStream input = Files.newInputStream(file)) {
      byte[] content = input.readNBytes(maxDocumentBytes);
      if (input.read() >= 0) {
        throw tooLong();
      }
      return withoutByteOrderMark(decode(content));
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /** The next line without its end, empty if it is blank, or null at the end of the file. */
  private @Nullable String nextLine(InputStream input) throws CorpusException {
    bytes.reset();
    line++;
    boolean blank = true;
    try {
      int value = input.read();
      if (value < 0) {
        return null;
      }
      while (value >= 0 && value != '\n') {
        blank &= value == ' ' || value == '\t' || value == '\r';
        if (bytes.size() == maxDocumentBytes) {
          throw tooLong();
        }
        bytes.write(value);
        value = input.read();
      }
    } catch (IOException e) {
      throw unreadable(e);
    }
    if (blank) {
      // A compressed file may unfold to very many of these.
      return "";
    }
    String text = decode(bytes.toByteArray());
    return line == 1 ? withoutByteOrderMark(text) : text;
  }

  private String decode(byte[] content) throws CorpusException {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
    } catch (CharacterCodingException e) {
      throw new CorpusException(place() + ": not UTF-8 text", e);
    }
  }

  private static String withoutByteOrderMark(String text) {
    return text.startsWith("\uFEFF") ? text.substring(1) : text;
  }

  private CorpusException tooLong() {
    return new CorpusException(
        "%s: a document of more than %d bytes (expected: at most that; use shorter documents)"
            .formatted(place(), maxDocumentBytes));
  }

  private CorpusException unreadable(IOException e) {
    if (e instanceof ZipException || e instanceof EOFException) {
      return new CorpusException("%s: damaged gzip data: %s".formatted(place(), e.getMessage()), e);
    }
    return new CorpusException("%s: cannot be read: %s".formatted(place(), e), e);
  }

  private String place() {
    return line == 0 ? file.toString() : file + ", line " + line;
  }
}
