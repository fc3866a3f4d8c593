// SPDX-License-Identifier: Apache-2.0
package io.saeflow.schemas.arrow;

import io.saeflow.schemas.stream.ActivationDtype;
import java.util.List;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** The columns and metadata keys of messages, for writer and reader alike. */
final class MessageLayout {
  /** The version of this layout; a reader refuses any other. */
  static final String VERSION = "3";

  static final String TOKENS = "tokens";
  static final String ACTIVATIONS = "activations";
  static final String LATENTS = "latents";
  static final String END = "end";

  private static final ArrowType INT32 = new ArrowType.Int(32, true);
  private static final ArrowType INT64 = new ArrowType.Int(64, true);
  private static final ArrowType FLOAT32 =
      new ArrowType.FloatingPoint(FloatingPointPrecision.SINGLE);
  private static final ArrowType FLOAT16 = new ArrowType.FloatingPoint(FloatingPointPrecision.HALF);
  private static final Field INT32_ITEM = new Field("item", FieldType.notNullable(INT32), null);

  private MessageLayout() {}

  static List<Field> tokenColumns(int contextLength) {
    return List.of(
        fixedSizeList(TOKENS, contextLength, INT32_ITEM),
        list(
            "documents",
            struct(
                column("start", INT32),
                column("document", INT64),
                column("offset", INT64),
                column("labels", ArrowType.Utf8.INSTANCE))));
  }

  static Field activationsColumn(int contextLength, int width, ActivationDtype dtype) {
    ArrowType type = dtype == ActivationDtype.FLOAT16 ? FLOAT16 : FLOAT32;
    return fixedSizeList(
        ACTIVATIONS, contextLength, fixedSizeList("item", width, column("item", type)));
  }

  /** What {@link #activationsColumn} was given, if {@code value} is the field of its values. */
  static ActivationDtype activationDtype(Field value) {
    return value.getType().equals(FLOAT16) ? ActivationDtype.FLOAT16 : ActivationDtype.FLOAT32;
  }

  static Field latentsColumn(int contextLength) {
    return fixedSizeList(
        LATENTS,
        contextLength,
        list("item", struct(column("latent", INT32), column("value", FLOAT32))));
  }

  private static Field column(String name, ArrowType type) {
    return new Field(name, FieldType.notNullable(type), null);
  }

  private static Field fixedSizeList(String name, int length, Field item) {
    return new Field(
        name, FieldType.notNullable(new ArrowType.FixedSizeList(length)), List.of(item));
  }

  private static Field list(String name, Field item) {
    return new Field(name, FieldType.notNullable(ArrowType.List.INSTANCE), List.of(item));
  }

  private static Field struct(Field... fields) {
    return new Field("item", FieldType.notNullable(ArrowType.Struct.INSTANCE), List.of(fields));
  }

  /** The metadata's keys. */
  static final class MetadataKey {
    static final String KIND = "saeflow.kind";
    static final String VERSION = "saeflow.version";
    static final String RUN = "saeflow.run";
    static final String NUMBER = "saeflow.number";
    static final String FIRST_SEQUENCE = "saeflow.first-sequence";
    static final String HOOK = "saeflow.hook";
    static final String SAE = "saeflow.sae";
    static final String RANGE_INDEX = "saeflow.range-index";
    static final String RANGE_COUNT = "saeflow.range-count";
    static final String RANGE_LATENTS = "saeflow.range-latents";
    static final String NON_FINITE_TOKENS = "saeflow.non-finite-tokens";
    static final String NON_ZEROS = "saeflow.non-zeros";
    static final String RECONSTRUCTED_TOKENS = "saeflow.reconstructed-tokens";
    static final String NORMALIZED_ERRORS = "saeflow.normalized-errors";
    static final String SEQUENCES = "saeflow.sequences";
    static final String TOKENS = "saeflow.tokens";

    private MetadataKey() {}
  }
}
