// A page is described anew at each refresh, and only what differs is changed: no flicker, and focus stays.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("a.name", {href}, child, ...)`. Text is always text, never markup. */
export function h(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const inSvg = tag === "svg" || tag === "path" || tag === "polyline" || tag === "rect";
  const element = inSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value == null) continue;
    if (name === "share") element.style.setProperty("--share", String(value));
    else if (name === "place") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "class") element.setAttribute("class", [...classes, value].join(" "));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Make `target` have the children that are given. */
export function show(target, ...children) {
  const wanted = document.createElement("div");
  wanted.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  morphChildren(target, wanted);
}

function key(node) {
  return node.nodeType === 1 ? node.getAttribute("data-key") : null;
}

function morphChildren(target, wanted) {
  const keyed = new Map();
  for (const child of target.childNodes) if (key(child)) keyed.set(key(child), child);
  let place = target.firstChild;
  for (const next of [...wanted.childNodes]) {
    const name = key(next);
    let found = name ? keyed.get(name) : place;
    if (!name && found && key(found)) found = null;
    if (found && fits(found, next)) {
      if (found === place) place = place.nextSibling;
      else target.insertBefore(found, place);
      morph(found, next);
      if (name) keyed.delete(name);
    } else {
      target.insertBefore(next, place);
    }
  }
  while (place) {
    const after = place.nextSibling;
    place.remove();
    place = after;
  }
}

function fits(found, next) {
  return found.nodeType === next.nodeType && found.nodeName === next.nodeName;
}

function morph(found, next) {
  if (found.nodeType !== 1) {
    if (found.nodeValue !== next.nodeValue) found.nodeValue = next.nodeValue;
    return;
  }
  // What has `data-own` is drawn by a chart, or opened by a person.
  if (found.hasAttribute("data-own")) {
    if (next.hasAttribute("aria-label")) found.setAttribute("aria-label", next.getAttribute("aria-label"));
    return;
  }
  for (const { name } of [...found.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && found.nodeName === "DETAILS")) found.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (name === "style") continue;
    if (found.getAttribute(name) !== value) found.setAttribute(name, value);
  }
  if (found.style && found.style.cssText !== next.style.cssText) found.style.cssText = next.style.cssText;
  const chosen = found.nodeName === "SELECT" ? next.querySelector("option[selected]")?.value || "" : null;
  morphChildren(found, next);
  if (chosen !== null && found.value !== chosen && document.activeElement !== found) found.value = chosen;
}
