export class Ring {
  static readonly bytes: number;
  constructor(memory: SharedArrayBuffer);
  push(x: number, y: number): boolean;
  announce(): void;
  take(each: (x: number, y: number) => void): void;
  wait(): void;
  waitAsync(): Promise<void>;
}
