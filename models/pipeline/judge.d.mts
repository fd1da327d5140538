export interface Answer {
  readonly text: string;
  readonly ended: boolean;
}

export interface AcceptanceRule {
  readonly prompt: string;
  readonly language: 'en' | 'zh';
  readonly minimum: number;
  readonly maximum: number;
  readonly match: readonly string[];
  readonly reject: readonly string[];
}

export interface HeldOutItem {
  readonly use: string;
  readonly language: 'en' | 'zh';
  readonly form: 'chat' | 'raw';
  readonly prompt: string;
  readonly equals?: readonly string[];
  readonly match?: readonly string[];
}

export function acceptable(answer: Answer, rule: AcceptanceRule): boolean;
export function right(answer: Answer, item: HeldOutItem): boolean;
