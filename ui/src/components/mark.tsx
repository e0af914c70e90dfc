/** The mark: a patch of gingham, where two translucent stripes cross. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" fill="light-dark(#fff, #dfe7fb)" />
      <g fill="#2f5bd0">
        <path fillOpacity=".42" d="M6 0h7v32H6zM19 0h7v32h-7zM0 6h32v7H0zM0 19h32v7H0z" />
        <path fillOpacity=".68" d="M6 6h7v7H6zM19 6h7v7h-7zM6 19h7v7H6zM19 19h7v7h-7z" />
      </g>
    </svg>
  );
}
