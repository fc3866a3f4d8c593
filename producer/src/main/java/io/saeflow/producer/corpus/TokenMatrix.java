// SPDX-License-Identifier: Apache-2.0
package io.saeflow.producer.corpus;

import io.saeflow.schemas.stream.DocumentSpan;
import io.saeflow.schemas.tensorfile.NumpyFile;
import io.saeflow.schemas.tensorfile.TensorFileException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Ready tokens: a two-dimensional NumPy file of integers whose rows are the sequences. A row is a
 * document of its own, with the row's number and no labels.
 */
public final class TokenMatrix implements SequenceSource {
  private final Path path;
  private final NumpyFile file;
  private final long rows;
  private final int columns;
  private long row;

  private TokenMatrix(Path path, NumpyFile file, long rows, int columns) {
    this.path = path;
    this.file = file;
    this.rows = rows;
    this.columns = columns;
  }

  /**
   * Opens a file.
   *
   * @throws CorpusException if it cannot be read or is no matrix of integers
   */
  public static TokenMatrix open(Path path) throws CorpusException {
    try {
      NumpyFile file = NumpyFile.open(path);
      try {
        return new TokenMatrix(path, file, file.rows(), file.columns());
      } catch (TensorFileException e) {
        file.close();
        throw e;
      }
    } catch (TensorFileException e) {
      throw new CorpusException(e.getMessage(), e);
    }
  }

  /** The file's name. */
  @Override
  public String name() {
    return String.valueOf(path.getFileName());
  }

  /** How many columns it has. */
  @Override
  public int contextLength() {
    return columns;
  }

  /** How many sequences it has. */
  public long rows() {
    return rows;
  }

  @Override
  public @Nullable TokenSequence next() throws CorpusException {
    if (row == rows) {
      return null;
    }
    try {
      DocumentSpan whole = new DocumentSpan(0, row, 0, DocumentSpan.NO_LABELS);
      return new TokenSequence(file.row(row++), List.of(whole));
    } catch (TensorFileException e) {
      throw new CorpusException(e.getMessage(), e);
    }
  }

  @Override
  public void close() {
    file.close();
  }
}
