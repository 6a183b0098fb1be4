// Makes a route table of sound records, in slices: first its index, then its block of memory, each in
// stages.
// Allocates: the table; cold path only.

import { Codec } from "../../codec/codec";
import { RouteTable } from "../route/table";
import { ByteBuffer } from "./byte-buffer";
import { RouteIndexBuilder } from "./route-index-builder";
import { RouteRecords } from "./route-records";
import { RouteTableWriter } from "./route-table-writer";
import { WorkBudget } from "./work-budget";

/** Bytes that are cleared or copied at once, and what that costs. */
const PIECE_BYTES: u32 = 64 << 10;
const PIECE_UNITS: u32 = 64;

/** Each is done for all records, bytes or slots before the next begins. */
enum Stage {
  AddAttributes = 0,
  CountSharers = 1,
  AddCandidates = 2,
  AddRoutes = 3,
  LinkPrefixes = 4,
  CountJumps = 5,
  AddJumps = 6,
  GroupSiblings = 7,
  PlaceNodes = 8,
  LinkShorter = 9,
  MeasureDepths = 10,
  Clear = 11,
  CopyText = 12,
  CopyDfas = 13,
  PlaceBuckets = 14,
  Dfas = 15,
  PrefixNodes = 16,
  Attributes = 17,
  Clusters = 18,
  Destinations = 19,
  Routes = 20,
  Groups = 21,
  Buckets = 22,
  BucketSlots = 23,
  ValueSlots = 24,
  JumpSlots = 25,
  Done = 26,
}

export class RouteTableBuild {
  private records: RouteRecords;
  private index: RouteIndexBuilder;
  private writer: RouteTableWriter;
  private stage: i32 = Stage.AddAttributes;
  /** How much of the stage is done. */
  private done: u32 = 0;

  constructor(records: RouteRecords, codec: Codec) {
    this.records = records;
    const index = new RouteIndexBuilder(records);
    this.index = index;
    this.writer = new RouteTableWriter(records, index, codec);
  }

  /** Goes on until the budget is spent; true when the table is whole. */
  advance(budget: WorkBudget): bool {
    while (this.stage != Stage.Done) {
      if (this.stage == Stage.Clear && this.done == 0) this.writer.allocate();
      const isCopying = this.stage >= Stage.Clear && this.stage <= Stage.CopyDfas;
      const units: u32 = isCopying ? PIECE_UNITS : 1;
      const count = this.stageCount();
      while (this.done < count) {
        if (!budget.spend(units)) return false;
        if (this.stage < Stage.Clear) this.indexOne(this.done);
        else this.writeOne(this.done);
        this.done++;
      }
      this.done = 0;
      this.stage++;
    }
    return true;
  }

  /** The table, with one reference; once. */
  finish(): RouteTable {
    return this.writer.writeTable();
  }

  /** Frees all but the table. */
  free(): void {
    this.index.free();
  }

  private stageCount(): u32 {
    return this.stage < Stage.Clear ? this.indexCount() : this.writeCount();
  }

  private indexCount(): u32 {
    const index = this.index;
    switch (this.stage) {
      case Stage.AddAttributes:
        return this.records.attributes.count;
      case Stage.CountSharers:
      case Stage.AddCandidates:
      case Stage.AddRoutes:
        return this.records.routes.count;
      case Stage.LinkShorter:
      case Stage.MeasureDepths:
        return index.buckets.count;
      default:
        return index.prefixes.count;
    }
  }

  private writeCount(): u32 {
    const records = this.records;
    const index = this.index;
    switch (this.stage) {
      case Stage.Clear:
        return piecesOf(this.writer.bytesToClear);
      case Stage.CopyText:
        return piecesOf(records.bytes.len);
      case Stage.CopyDfas:
        return piecesOf(records.dfaBytes.len);
      case Stage.Dfas:
        return records.dfas.count;
      case Stage.PrefixNodes:
        return index.prefixes.count;
      case Stage.Attributes:
        return records.attributes.count;
      case Stage.Clusters:
        return records.clusters.count;
      case Stage.Destinations:
        return records.destinations.count;
      case Stage.Routes:
        return records.routes.count;
      case Stage.Groups:
        return index.groups.count;
      case Stage.BucketSlots:
        return index.bucketIndex.slotCount;
      case Stage.ValueSlots:
        return index.valueIndex.slotCount;
      case Stage.JumpSlots:
        return index.jumps.index.slotCount;
      default:
        return index.buckets.count;
    }
  }

  private indexOne(at: u32): void {
    const index = this.index;
    switch (this.stage) {
      case Stage.AddAttributes:
        index.attributes.add();
        index.jumps.addAttribute();
        break;
      case Stage.CountSharers:
        index.countSharers(at);
        break;
      case Stage.AddCandidates:
        index.addCandidates(at);
        break;
      case Stage.AddRoutes:
        index.addRoute(at);
        break;
      case Stage.LinkPrefixes:
        index.prefixes.linkPrefix(at + 1);
        break;
      case Stage.CountJumps:
        index.jumps.countNode(at + 1);
        break;
      case Stage.AddJumps:
        index.jumps.addNode(at + 1);
        break;
      case Stage.GroupSiblings:
        // From the last one on, so that siblings stay in the order in which they came.
        index.prefixes.groupSiblings(index.prefixes.count - at);
        break;
      case Stage.PlaceNodes:
        index.prefixes.placeNext();
        break;
      case Stage.LinkShorter:
        index.linkShorter(at);
        break;
      default:
        index.measureDepth(at);
    }
  }

  private writeOne(at: u32): void {
    const writer = this.writer;
    switch (this.stage) {
      case Stage.Clear:
        clearPiece(writer.at.table, writer.bytesToClear, at);
        break;
      case Stage.CopyText:
        copyPiece(writer.at.bytes, this.records.bytes, at);
        break;
      case Stage.CopyDfas:
        copyPiece(writer.at.dfaBytes, this.records.dfaBytes, at);
        break;
      case Stage.PlaceBuckets:
        writer.placeBucket(at);
        break;
      case Stage.Dfas:
        writer.writeDfa(at);
        break;
      case Stage.PrefixNodes:
        writer.writePrefixNode(at);
        break;
      case Stage.Attributes:
        writer.writeAttribute(at);
        break;
      case Stage.Clusters:
        writer.writeCluster(at);
        break;
      case Stage.Destinations:
        writer.writeDestination(at);
        break;
      case Stage.Routes:
        writer.writeRoute(at);
        break;
      case Stage.Groups:
        writer.writeGroup(at);
        break;
      case Stage.Buckets:
        writer.writeBucket(at);
        break;
      case Stage.BucketSlots:
        writer.writeBucketSlot(at);
        break;
      case Stage.ValueSlots:
        writer.writeValueSlot(at);
        break;
      default:
        writer.writeJumpSlot(at);
    }
  }
}

function piecesOf(count: u32): u32 {
  return (count + PIECE_BYTES - 1) / PIECE_BYTES;
}

function clearPiece(ptr: usize, len: u32, piece: u32): void {
  const start = piece * PIECE_BYTES;
  memory.fill(ptr + start, 0, min(PIECE_BYTES, len - start));
}

function copyPiece(to: usize, from: ByteBuffer, piece: u32): void {
  const start = piece * PIECE_BYTES;
  memory.copy(to + start, from.ptr + start, min(PIECE_BYTES, from.len - start));
}
