// As far as it is used.
export default class WaveSurfer {
  static create(options: { container: HTMLElement; media: HTMLMediaElement; [name: string]: unknown }): WaveSurfer;
  loadBlob(blob: Blob): Promise<void>;
  getDuration(): number;
  setOptions(options: Record<string, unknown>): void;
  destroy(): void;
}
