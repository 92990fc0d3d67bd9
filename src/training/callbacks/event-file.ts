// TensorBoard's event files: records of TFRecord (tensorflow/core/lib/io/record_writer.h) with Event messages
// (tensorboard/compat/proto/event.proto) in them.
import crc32c from "crc-32/crc32c.js";
import { PbfWriter } from "pbf";

/** One message of an event file: a version, the start of a session, or scalars. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  wallTime: number;
  step: number;
  /** Only in the first message of a file. */
  fileVersion?: string;
  /** What is there of this step and later ones is void: a run was taken up from here. */
  sessionStart?: boolean;
  /** By tag: "train/loss". */
  scalars?: Record<string, number>;
}

/** A message as a record: its length, the length's checksum, the message, its checksum. */
export function encodeRecord(event: ScalarEvent): Uint8Array {
  const message = encodeEvent(event);
  const record = new Uint8Array(8 + 4 + message.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(message.length), true);
  view.setUint32(8, maskedChecksum(record.subarray(0, 8)), true);
  record.set(message, 12);
  view.setUint32(12 + message.length, maskedChecksum(message), true);
  return record;
}

function encodeEvent({ wallTime, step, fileVersion, sessionStart, scalars }: ScalarEvent): Uint8Array {
  const writer = new PbfWriter();
  writer.writeDoubleField(1, wallTime);
  writer.writeVarintField(2, step);
  if (fileVersion !== undefined) writer.writeStringField(3, fileVersion);
  if (scalars) {
    writer.writeMessage(5, writeSummary, scalars);
  }
  if (sessionStart) {
    const START = 1; // SessionLog.SessionStatus
    writer.writeMessage(7, (status: number, log: PbfWriter) => log.writeVarintField(1, status), START);
  }
  return writer.finish();
}

/** Summary: a repeated Value of tag (1) and simple_value (2). */
function writeSummary(scalars: Record<string, number>, summary: PbfWriter): void {
  for (const [tag, value] of Object.entries(scalars)) {
    summary.writeMessage(
      1,
      (number: number, message: PbfWriter) => {
        message.writeStringField(1, tag);
        message.writeFloatField(2, number);
      },
      value,
    );
  }
}

/** The checksum of a checksum would be weak, so TFRecord rotates it and adds a constant. */
function maskedChecksum(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
